"""Terminates EMR clusters that no DAG run uses."""
