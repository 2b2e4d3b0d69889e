"""Step 1: the path of a photo from S3 to a vector of features."""
