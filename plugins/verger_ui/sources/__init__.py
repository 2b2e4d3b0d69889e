"""What the pages read: small objects on S3, and the metadata database of Airflow."""
