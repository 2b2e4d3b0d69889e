"""spark-submit of a step on the YARN of a local cluster: unchanged arguments, EMR's defaults."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from local_aws.spark.submit import Launch
from local_aws.spark.yarn_submit import YarnMachine, launch
from tests.local_aws.spark.test_submit import classification

MACHINE = YarnMachine(
    spark_home=Path("/spark"),
    spark_version="4.1.1",
    java_home=Path("/java"),
    python=Path("/usr/bin/python3.11"),
    address="127.70.1.1",
    configuration=Path("/conf"),
    scratch=Path("/scratch"),
    s3_endpoint="http://127.0.0.1:8333",
    region="eu-west-3",
    jars=Path("/jars"),
    worker_memory_mib=5632,
    worker_vcpus=4,
)


def mapped(*args: str, configurations: Any = ()) -> Launch:
    return launch(list(args), configurations, MACHINE)


def test_no_argument_is_changed() -> None:
    args = ["--master", "yarn", "--deploy-mode", "cluster", "--executor-memory", "9g", "-c", "spark.x=1", "job.py", "a"]
    assert mapped(*args).argv == ["/spark/bin/spark-submit", *args]


def test_classifications_replace_the_defaults_of_emr() -> None:
    plan = mapped("job.py", configurations=[classification("spark-defaults", {"spark.driver.memory": "3g"})])
    assert mapped("job.py").defaults["spark.driver.memory"] == "2048m"
    assert plan.defaults["spark.driver.memory"] == "3g"
    assert plan.defaults["spark.dynamicAllocation.enabled"] == "true"


def test_two_default_executors_fit_on_the_smallest_worker() -> None:
    defaults = mapped("job.py").defaults
    heap = int(defaults["spark.executor.memory"].removesuffix("m"))
    assert 2 * (heap + max(384, heap // 10)) <= 5632
    assert defaults["spark.executor.cores"] == "2"


def test_placement_and_environment_of_the_application_master_stay_properties_of_spark() -> None:
    own = {"spark.executor.instances": "40", "spark.yarn.appMasterEnv.A": "1", "spark.yarn.maxAppAttempts": "1"}
    plan = mapped("job.py", configurations=[classification("spark-defaults", own)])
    assert own.items() <= plan.defaults.items()
    assert "A" not in plan.environment


def test_exports_reach_the_driver_of_client_mode() -> None:
    nested = classification("export", {"B": "$JAVA_HOME/x"})
    assert mapped("job.py", configurations=[classification("spark-env", {}, nested)]).environment["B"] == "/java/x"


def test_what_binds_a_step_to_this_machine_cannot_be_replaced() -> None:
    own = {"spark.shuffle.service.enabled": "true", "spark.hadoop.fs.s3a.endpoint": "https://s3.amazonaws.com"}
    plan = mapped("job.py", configurations=[classification("spark-defaults", own)])
    assert plan.defaults["spark.shuffle.service.enabled"] == "false"
    assert plan.defaults["spark.hadoop.fs.s3a.endpoint"] == "http://127.0.0.1:8333"
    assert plan.defaults["spark.yarn.jars"] == "local:/spark/jars/*,local:/jars/*"


def test_what_is_not_applied_is_in_the_notes() -> None:
    maximize = classification("spark", {"maximizeResourceAllocation": "true"})
    notes = mapped("job.py", configurations=[maximize, classification("hue-ini"), classification("yarn-site")]).notes
    assert any("maximizeResourceAllocation: ignored" in note for note in notes)
    assert any("hue-ini" in note for note in notes)
    assert not any("yarn-site" in note for note in notes), "it is a file of the daemons"
    assert any("shuffle" in note for note in notes)


def test_a_properties_file_does_not_replace_the_cluster_defaults() -> None:
    args = ["--properties-file", "p.conf", "job.py"]
    assert mapped(*args).argv == ["/spark/bin/spark-submit", "--load-spark-defaults", *args]
    old = launch(args, [], replace(MACHINE, spark_version="3.5.6"))
    assert old.argv == ["/spark/bin/spark-submit", *args]
