"""Parquet tables in the bucket, read, written and sorted in streams."""
