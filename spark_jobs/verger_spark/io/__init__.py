"""Objects, Parquet files and JSON files that the steps read and write."""
