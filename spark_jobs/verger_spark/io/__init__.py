"""Objects and Parquet files, read and written by the Python workers themselves."""
