"""The Spark home of EMR 7: Spark of one pyspark, Hadoop of another."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_aws.settings import Settings
from local_aws.spark.home import SPARK_3, SPARK_4, is_installed, with_hadoop_of
from local_aws.spark.jars import hadoop_version, spark_version


def pyspark(folder: Path, *jars: str) -> Path:
    """Write a folder with the files of a pyspark package that a Spark home has."""
    for path in ("bin/spark-submit", "python/lib/pyspark.zip", *(f"jars/{jar}.jar" for jar in jars)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"{folder.name} {path}")
    return folder


@pytest.fixture
def old(tmp_path: Path) -> Path:
    hadoop = ("hadoop-client-api-3.3.4", "hadoop-client-runtime-3.3.4", "hadoop-yarn-server-web-proxy-3.3.4")
    return pyspark(tmp_path / "old", "spark-core_2.12-3.5.6", "parquet-hadoop-1.13.1", *hadoop)


@pytest.fixture
def new(tmp_path: Path) -> Path:
    hadoop = ("hadoop-client-api-3.4.2", "hadoop-client-runtime-3.4.2")
    return pyspark(tmp_path / "new", "spark-core_2.13-4.1.1", "parquet-hadoop-1.16.0", *hadoop)


def test_a_home_has_the_spark_of_one_and_the_hadoop_of_the_other(old: Path, new: Path, tmp_path: Path) -> None:
    home = with_hadoop_of(old, new, tmp_path / "scratch" / "home")
    assert (spark_version(home), hadoop_version(home)) == ("3.5.6", "3.4.2")
    assert {path.relative_to(home).as_posix(): path.read_text() for path in home.rglob("*.jar")} == {
        "jars/spark-core_2.12-3.5.6.jar": "old jars/spark-core_2.12-3.5.6.jar",
        "jars/parquet-hadoop-1.13.1.jar": "old jars/parquet-hadoop-1.13.1.jar",
        "jars/hadoop-client-api-3.4.2.jar": "new jars/hadoop-client-api-3.4.2.jar",
        "jars/hadoop-client-runtime-3.4.2.jar": "new jars/hadoop-client-runtime-3.4.2.jar",
    }
    assert (home / "bin" / "spark-submit").read_text() == "old bin/spark-submit"
    assert (home / "python" / "lib" / "pyspark.zip").read_text() == "old python/lib/pyspark.zip"
    assert [path.name for path in home.parent.iterdir()] == ["home"], "no temporary folder is left"


def test_a_home_is_made_once(old: Path, new: Path, tmp_path: Path) -> None:
    home = with_hadoop_of(old, new, tmp_path / "home")
    (home / "jars" / "mark").touch()
    assert with_hadoop_of(old, new, home) == home
    assert (home / "jars" / "mark").exists()


def test_a_home_without_hadoop_is_an_error(old: Path, tmp_path: Path) -> None:
    without = pyspark(tmp_path / "without", "spark-core_2.13-4.1.1")
    with pytest.raises(FileNotFoundError, match=r"without/jars: no hadoop-\*\.jar; is this a Spark home\?"):
        with_hadoop_of(old, without, tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test_an_environment_without_pyspark_is_not_installed(tmp_path: Path) -> None:
    """As an interrupted installation leaves it."""
    (tmp_path / "spark35" / "bin").mkdir(parents=True)
    pyspark(tmp_path / "spark/lib/python3.11/site-packages/pyspark", "spark-core_2.13-4.1.1")
    settings = Settings(spark_venv=tmp_path / "spark", spark35_venv=tmp_path / "spark35")
    assert is_installed(SPARK_4, settings)
    assert not is_installed(SPARK_3, settings)
