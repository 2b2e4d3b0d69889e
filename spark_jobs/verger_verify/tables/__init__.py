"""Reads the written tables in parts, in the driver or in Spark tasks."""
