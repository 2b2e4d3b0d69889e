"""The S3A jars fit to the versions of Spark, Scala and Hadoop in a Spark home."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_aws.spark.jars import VARIABLE, coordinates, find
from tests.local_aws.spark.test_home import pyspark

SPARK_3 = ("spark-core_2.12-3.5.6", "hadoop-client-api-3.4.2")
SPARK_4 = ("spark-core_2.13-4.1.1", "hadoop-client-api-3.4.2")


@pytest.mark.parametrize(
    ("jars", "binding"), [(SPARK_3, "spark-hadoop-cloud_2.12:3.5.8"), (SPARK_4, "spark-hadoop-cloud_2.13:4.1.1")]
)
def test_coordinates(jars: tuple[str, ...], binding: str, tmp_path: Path) -> None:
    names = coordinates(pyspark(tmp_path, *jars))
    assert names[:2] == ["org.apache.hadoop:hadoop-aws:3.4.2", f"org.apache.spark:{binding}"]
    assert "software.amazon.awssdk:s3:2.29.52" in names


def test_another_hadoop_is_an_error(tmp_path: Path) -> None:
    home = pyspark(tmp_path, "spark-core_2.12-3.5.6", "hadoop-client-api-3.3.4")
    with pytest.raises(ValueError, match=r"hadoop-aws 3\.3\.4: s3:// is supported with Hadoop 3\.4\.2"):
        coordinates(home)


def test_each_spark_has_a_folder_of_its_own(tmp_path: Path) -> None:
    home, folders = pyspark(tmp_path / "home", *SPARK_3), tmp_path / "folders"
    (folders / "s3a-hadoop-3.4.2-spark-4.1.1").mkdir(parents=True)
    assert find(home, folders) is None
    (own := folders / "s3a-hadoop-3.4.2-spark-3.5.6").mkdir()
    assert find(home, folders) == own


def test_a_folder_in_the_environment_is_used_for_its_spark_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (given := tmp_path / "given").mkdir()
    (given / "spark-hadoop-cloud_2.13-4.1.1.jar").touch()
    monkeypatch.setenv(VARIABLE, str(given))
    assert find(pyspark(tmp_path / "4", *SPARK_4), tmp_path / "none") == given
    assert find(pyspark(tmp_path / "3", *SPARK_3), tmp_path / "none") is None
