"""The local Spark: its jars, its Java, spark-submit of a step, and the history server."""
