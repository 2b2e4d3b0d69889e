"""S3 and EMR on one machine: the two AWS endpoints that Verger speaks to, without an account."""
