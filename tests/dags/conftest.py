from tests.plugins.conftest import airflow_connection, bucket, client, settings, stack

__all__ = ["airflow_connection", "bucket", "client", "settings", "stack"]
