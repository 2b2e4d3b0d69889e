"""Verger in Airflow's UI: a page in the navigation, and links on the tasks. It writes nothing."""
