"""The Spark home of a release: Spark 4.1 as its pyspark has it, or Spark 3.5 with the Hadoop of Spark 4.1.

pyspark 3.5 contains Hadoop 3.3, whose S3A needs version 1 of the AWS SDK. EMR 7.14 runs Spark 3.5 with Hadoop 3.4.2,
the version in pyspark 4.1.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from local_aws.settings import Settings
from local_aws.spark.jars import spark_home

#: The lines of Spark that run here.
SPARK_4, SPARK_3 = "4.1", "3.5"
#: The client of Hadoop. In pyspark 3.5 also the web proxy of YARN, which only Spark's UI needs.
HADOOP_JARS = "hadoop-*.jar"


def environment(line: str, settings: Settings) -> Path:
    """Return the environment with the pyspark of a line."""
    return settings.spark35_venv if line == SPARK_3 else settings.spark_venv


def is_installed(line: str, settings: Settings) -> bool:
    """Return whether the environment of a line has pyspark. An interrupted installation leaves a folder without it."""
    try:
        spark_home(environment(line, settings))
    except FileNotFoundError:
        return False
    return True


def of_line(line: str, settings: Settings, folder: Path) -> Path:
    """Return the Spark home of a line.

    Parameters
    ----------
    line : str
        `4.1` or `3.5`.
    settings : Settings
    folder : Path
        Folder in which the home of Spark 3.5 is made, unless it has one.

    Raises
    ------
    FileNotFoundError
        When pyspark is not installed.
    """
    home = spark_home(environment(line, settings))
    return with_hadoop_of(home, spark_home(settings.spark_venv), folder / "spark-3.5") if line == SPARK_3 else home


def with_hadoop_of(spark: Path, hadoop: Path, target: Path) -> Path:
    """Make a Spark home of symbolic links: the files of `spark`, but the jars of Hadoop of `hadoop`.

    Parameters
    ----------
    spark, hadoop : Path
        Folders of two pyspark packages.
    target : Path
        The new home. It is not changed if it exists.

    Returns
    -------
    Path
        `target`.

    Raises
    ------
    FileNotFoundError
        When `hadoop` has no jars of Hadoop.
    """
    if target.is_dir():
        return target
    others = sorted((hadoop / "jars").glob(HADOOP_JARS))
    if not others:
        raise FileNotFoundError(f"{hadoop}/jars: no {HADOOP_JARS}; is this a Spark home?")
    own = {*(spark / "jars").iterdir()} - {*(spark / "jars").glob(HADOOP_JARS)}
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        home = Path(scratch, "home")
        (home / "jars").mkdir(parents=True)
        for path in spark.iterdir():
            if path.name != "jars":
                (home / path.name).symlink_to(path.resolve())
        for jar in (*own, *others):
            (home / "jars" / jar.name).symlink_to(jar.resolve())
        try:
            home.rename(target)
        except OSError:
            if not target.is_dir():  # else another step has made it at the same time
                raise
    return target
