"""Spark on this machine: its jars, its Java, and spark-submit as a step calls it."""
