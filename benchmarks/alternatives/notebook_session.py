"""The Spark session of a notebook: one machine, few settings."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from local_aws.spark.java import java_home


def open_session(name: str, cores: int, memory: str, scratch: Path) -> SparkSession:
    """Start Spark on `cores` cores in one JVM with `memory` of heap. It listens on loopback only."""
    os.environ.update({
        "JAVA_HOME": str(java_home(Path(sys.prefix))),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    })  # fmt: skip
    return (
        SparkSession.builder.appName(name)
        .master(f"local[{cores}]")
        .config("spark.driver.memory", memory)
        .config("spark.local.dir", str(scratch.resolve()))
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
