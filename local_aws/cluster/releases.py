"""EMR releases: their labels, their applications, and the local Spark for each of them."""

from __future__ import annotations

from functools import cache
from typing import Any

from moto.emr.models import emr_backends

#: Labels of EMR 8 name their engine.
SPARK_8 = "emr-spark-8."
#: Versions of Spark and Hadoop that run on this machine. They may differ from those of a release in AWS. Other
#: applications have no version here.
SPARK_8_VERSIONS = {"Spark": "4.1.1", "Hadoop": "3.4.2"}
EMR_7_VERSIONS = {"Spark": "3.5.6", "Hadoop": "3.4.2"}
#: EMR 8 for Spark has few other applications.
SPARK_8_APPLICATIONS = (
    "AmazonCloudWatchAgent", "Delta", "Hadoop", "Hive", "Hudi", "Iceberg", "JupyterEnterpriseGateway", "Livy", "Spark",
    "ZooKeeper",
)  # fmt: skip
EMR_7_APPLICATIONS = (
    "AmazonCloudWatchAgent", "Delta", "Flink", "HBase", "HCatalog", "Hadoop", "Hive", "Hudi", "Hue", "Iceberg",
    "JupyterEnterpriseGateway", "JupyterHub", "Livy", "Oozie", "Phoenix", "Pig", "Presto", "Spark", "TensorFlow", "Tez",
    "Trino", "Zeppelin", "ZooKeeper",
)  # fmt: skip


@cache
def labels() -> tuple[str, ...]:
    """Return all release labels."""
    return tuple(_moto().list_release_labels())


def applications(label: str) -> dict[str, str | None]:
    """Return the version by application name for a label. Older releases have the applications of EMR 7."""
    if label.startswith(SPARK_8):
        return {name: SPARK_8_VERSIONS.get(name) for name in SPARK_8_APPLICATIONS}
    return {name: EMR_7_VERSIONS.get(name) for name in EMR_7_APPLICATIONS}


def spark_line(label: str) -> str:
    """Return the line of the local Spark that stands for the release: `4.1` or `3.5`."""
    return "4.1" if label.startswith(SPARK_8) else "3.5"


@cache
def instance_types(label: str) -> tuple[dict[str, Any], ...]:
    """Return the SupportedInstanceTypes of a release."""
    return tuple(_moto().list_supported_instance_types(label))


def _moto() -> Any:
    # Any account will do; some regions have no tables.
    return emr_backends["123456789012"]["eu-west-1"]
