"""Local AWS: an S3 endpoint and an EMR endpoint on this machine, without an AWS account."""
