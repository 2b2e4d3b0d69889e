"""What the verification steps and Airflow agree on."""
