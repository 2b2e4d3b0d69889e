"""spark-submit of a step becomes a command for this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local_aws.spark.submit import Launch, Machine, launch
from local_aws.spark.syntax import mebibytes, properties_text, split_options

MACHINE = Machine(
    spark_home=Path("/spark"),
    spark_version="4.1.1",
    java_home=Path("/java"),
    python=Path("/usr/bin/python3.11"),
    cores=2,
    driver_memory_mib=4096,
    s3_endpoint="http://127.0.0.1:8333",
    region="eu-west-3",
    scratch=Path("/scratch"),
    jars=Path("/jars"),
)
START = ["/spark/bin/spark-submit", "--master", "local[2]", "--deploy-mode", "client"]


def classification(name: str, properties: dict[str, str] | None = None, *nested: Any) -> dict[str, Any]:
    return {"Classification": name, "Properties": properties or {}, "Configurations": list(nested)}


def mapped(*args: str, configurations: Any = (), machine: Machine = MACHINE) -> Launch:
    return launch(list(args), configurations, machine)


def test_yarn_in_cluster_mode_becomes_local_in_client_mode() -> None:
    plan = mapped("--master", "yarn", "--deploy-mode=cluster", "--num-executors", "9", "job.py", "--master", "mine")
    assert plan.argv == [*START, "job.py", "--master", "mine"], "arguments of the job are kept"
    assert len([note for note in plan.notes if "left out" in note]) == 3


def test_placement_by_properties_is_left_out_too() -> None:
    plan = mapped("--conf", "spark.submit.deployMode=cluster", "-c", "spark.master=yarn", "--conf=a=b=c", "job.py")
    assert plan.argv == [*START, "--conf", "a=b=c", "job.py"]


def test_other_options_are_kept_in_order() -> None:
    args = [
        "--py-files",
        "s3://b/z.zip",
        "--conf",
        "spark.x=1",
        "--verbose",
        "--name",
        "n",
        "job.py",
        "--images",
        "s3://b",
    ]
    assert mapped(*args).argv == START + args


def test_classifications_become_defaults_and_environment() -> None:
    plan = mapped(
        "job.py",
        configurations=[
            classification("spark-defaults", {"spark.sql.shuffle.partitions": "7", "spark.executor.instances": "40"}),
            classification(
                "spark-env", {}, classification("export", {"PYSPARK_PYTHON": "/opt/py", "X": "$PYSPARK_PYTHON/y"})
            ),
            classification("core-site", {"fs.s3a.connection.maximum": "64"}),
            classification("spark", {"maximizeResourceAllocation": "true"}),
            classification("hue-ini", {"a": "b"}),
        ],
    )
    assert plan.defaults["spark.sql.shuffle.partitions"] == "7"
    assert "spark.executor.instances" not in plan.defaults
    assert plan.environment["PYSPARK_PYTHON"] == "/opt/py"
    assert plan.environment["X"] == "/opt/py/y"
    assert plan.defaults["spark.hadoop.fs.s3a.connection.maximum"] == "64"
    assert any("hue-ini" in note for note in plan.notes)


def test_environment_of_the_application_master_is_the_drivers() -> None:
    plan = mapped(
        "--conf",
        "spark.yarn.appMasterEnv.A=1",
        "job.py",
        configurations=[classification("spark-defaults", {"spark.yarn.appMasterEnv.B": "2"})],
    )
    assert (plan.environment["A"], plan.environment["B"]) == ("1", "2")


def test_a_classification_cannot_replace_the_local_s3() -> None:
    plan = mapped(
        "job.py", configurations=[classification("core-site", {"fs.s3a.endpoint": "https://s3.amazonaws.com"})]
    )
    assert plan.defaults["spark.hadoop.fs.s3a.endpoint"] == "http://127.0.0.1:8333"


def test_no_credential_in_arguments_or_defaults() -> None:
    plan = mapped("job.py")
    assert not [key for key in plan.defaults if "secret" in key or "access.key" in key]


@pytest.mark.parametrize(
    ("args", "configurations", "expected"),
    [
        ((), (), "4096m"),
        ((), ({"spark.driver.memory": "1g"},), "1g"),
        ((), ({"spark.driver.memory": "48g"},), "4096m"),
    ],
)
def test_memory_of_the_driver(args: Any, configurations: Any, expected: str) -> None:
    plan = mapped("job.py", configurations=[classification("spark-defaults", found) for found in configurations])
    assert plan.defaults["spark.driver.memory"] == expected


def test_memory_of_the_step_is_lowered_to_the_limit() -> None:
    assert mapped("--driver-memory", "2g", "job.py").argv == [*START, "--driver-memory", "2g", "job.py"]
    assert mapped("--driver-memory", "20g", "job.py").argv == [*START, "--driver-memory", "4096m", "job.py"]
    assert mapped("--conf", "spark.driver.memory=20g", "j.py").argv == [
        *START,
        "--conf",
        "spark.driver.memory=4096m",
        "j.py",
    ]
    assert mapped("job.py", "--driver-memory", "20g").argv == [*START, "job.py", "--driver-memory", "20g"]


def test_a_properties_file_does_not_replace_the_cluster_defaults() -> None:
    assert "--load-spark-defaults" in mapped("--properties-file", "p.conf", "job.py").argv
    old = replace(MACHINE, spark_version="3.5.6")
    assert "--load-spark-defaults" not in mapped("--properties-file", "p.conf", "job.py", machine=old).argv


def test_split_options() -> None:
    options, application = split_options(["--a", "1", "--b=2", "-v", "job.py", "--a", "3"])
    assert options == [("--a", "1"), ("--b", "2"), ("-v", None)]
    assert application == ["job.py", "--a", "3"]


@pytest.mark.parametrize(
    ("size", "expected"), [("4g", 4096), ("512m", 512), ("1048576k", 1024), ("2T", 2097152), ("900", 900)]
)
def test_mebibytes(size: str, expected: int) -> None:
    assert mebibytes(size) == expected


def test_properties_text_escapes_the_syntax_of_java() -> None:
    text = properties_text({"a b:c": "x\\y\nz", "d": " é=1"})
    assert text == "a\\ b\\:c=x\\\\y\\nz\nd=\\ \\u00e9=1\n"
