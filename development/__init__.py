"""The development stack: Airflow, local AWS and a Spark history server, for `make up` and docker-compose.yml."""
