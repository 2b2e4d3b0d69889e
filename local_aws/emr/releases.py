"""EMR releases: which labels exist, which applications each has, and which local Spark stands for it."""

from __future__ import annotations

from functools import cache
from typing import Any

from moto.emr.models import emr_backends

#: Labels of the 8 line are specific to their engine.
SPARK_8 = "emr-spark-8."
#: Spark's and Hadoop's versions by line, as they run here, which may be others than a release has in AWS; EMR names
#: one for every application, the rest have none here.
SPARK_8_VERSIONS = {"Spark": "4.1.1", "Hadoop": "3.4.2"}
EMR_7_VERSIONS = {"Spark": "3.5.6", "Hadoop": "3.3.4"}
#: The 8 line is a Spark release and carries little else.
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
    """All release labels."""
    return tuple(_moto().list_release_labels())


def applications(label: str) -> dict[str, str | None]:
    """Application name to version, for a label of `labels()`. Releases before 7 are taken to be like 7."""
    if label.startswith(SPARK_8):
        return {name: SPARK_8_VERSIONS.get(name) for name in SPARK_8_APPLICATIONS}
    return {name: EMR_7_VERSIONS.get(name) for name in EMR_7_APPLICATIONS}


def spark_line(label: str) -> str:
    """`4.1` or `3.5`: which local Spark stands for the release."""
    return "4.1" if label.startswith(SPARK_8) else "3.5"


@cache
def instance_types(label: str) -> tuple[dict[str, Any], ...]:
    """EMR's SupportedInstanceTypes of a release."""
    return tuple(_moto().list_supported_instance_types(label))


def _moto() -> Any:
    # moto's tables do not depend on the account, and only on some regions.
    return emr_backends["123456789012"]["eu-west-1"]
