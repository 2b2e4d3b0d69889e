"""Airflow, local AWS and a Spark history server to develop with: `make up`, and parts of docker-compose.yml."""
