"""EMR releases: which labels exist, which applications each has, and which local Spark stands for it."""

from __future__ import annotations

from functools import cache
from typing import Any

from moto.emr.models import emr_backends

SPARK_8 = ("emr-spark-8.1.0",)
#: Application versions of the 8 line; it is a Spark release and carries little else.
SPARK_8_APPLICATIONS = {
    "AmazonCloudWatchAgent": "1.300032.2", "Delta": "4.0.0", "Hadoop": "3.4.2", "Hive": "3.1.3", "Iceberg": "1.10.0",
    "JupyterEnterpriseGateway": "2.6.0", "Livy": "0.8.0", "Spark": "4.1.1", "ZooKeeper": "3.9.3",
}  # fmt: skip
EMR_7_APPLICATIONS = {
    "AmazonCloudWatchAgent": "1.300032.2", "Delta": "3.3.2", "Flink": "1.20.0", "HBase": "2.6.2", "HCatalog": "3.1.3",
    "Hadoop": "3.4.2", "Hive": "3.1.3", "Hudi": "1.0.2", "Hue": "4.11.0", "Iceberg": "1.10.0",
    "JupyterEnterpriseGateway": "2.6.0", "JupyterHub": "1.5.0", "Livy": "0.8.0", "Oozie": "5.2.1", "Phoenix": "5.2.1",
    "Pig": "0.17.0", "Presto": "0.287", "Spark": "3.5.6", "TensorFlow": "2.19.0", "Tez": "0.10.2", "Trino": "476",
    "Zeppelin": "0.11.1", "ZooKeeper": "3.9.3",
}  # fmt: skip


@cache
def labels() -> tuple[str, ...]:
    """All release labels, newest first: those that moto knows, and the 8 line, which it does not."""
    return SPARK_8 + tuple(_moto().list_release_labels())


def applications(label: str) -> dict[str, str]:
    """Application name to version, for a label of `labels()`. Releases before 7 are taken to be like 7."""
    return SPARK_8_APPLICATIONS if label in SPARK_8 else EMR_7_APPLICATIONS


def spark_line(label: str) -> str:
    """`4.1` or `3.5`: which local Spark stands for the release."""
    return "4.1" if label in SPARK_8 else "3.5"


@cache
def instance_types(label: str) -> tuple[dict[str, Any], ...]:
    """EMR's SupportedInstanceTypes of a release; for the 8 line, those of the newest release that moto knows."""
    known = label if label not in SPARK_8 else labels()[len(SPARK_8)]
    return tuple(_moto().list_supported_instance_types(known))


def _moto() -> Any:
    # moto's tables do not depend on the account, and only on some regions.
    return emr_backends["123456789012"]["eu-west-1"]
