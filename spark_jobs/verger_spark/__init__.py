"""What the two Spark steps import: the path of a photo from S3 to a vector, and the PCA of the vectors."""
