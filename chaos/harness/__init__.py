"""Airflow and local AWS behind proxies, the bucket, what a scenario may do, and the check of the published data."""
