"""The local Spark: its jars, its Java, and spark-submit of a step."""
