"""What the pages read: a few small objects on S3, and the metadata database of Airflow."""
