"""Step 1: reads photos from S3 and computes a vector of 1,280 features for each."""
