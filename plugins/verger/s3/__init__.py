"""S3 clients, the errors of S3 in plain words, and the artifact set in the bucket."""
