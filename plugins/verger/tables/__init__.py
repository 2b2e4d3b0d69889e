"""Parquet tables in the bucket: streaming reads and writes, and sorting on disk."""
