"""What Airflow and the cluster agree on: keys, table schemas, the plan, reject reasons, metrics, report.json."""
