"""The servers of an enforced stack: a gateway before S3, the metadata service of the nodes, and STS."""
