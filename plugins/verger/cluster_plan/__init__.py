"""The size of a run's cluster: nodes, minutes and cost before the launch. It imports neither Airflow nor EMR's API."""
