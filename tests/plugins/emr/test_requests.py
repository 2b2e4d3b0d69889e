"""The requests to EMR are valid for its API, and they contain what ends a cluster and protects the account."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from verger.emr import requests
from verger.emr.steps import requests as steps
from verger.settings import EU_REGIONS, Settings, container_sizes
from verger.settings.instance_types import YARN_MIB, default_workers
from verger_contract.keys import Run

RUN = Run("orchard", "run-1")
ARTIFACTS = "s3://orchard/artifacts/abc"


def settings(**values: str) -> Settings:
    return Settings.from_environment({"VERGER_BUCKET": "orchard"} | values)


def cluster(**values: str) -> dict[str, Any]:
    return requests.cluster(
        settings(**values),
        dag_id="fruit_features",
        run_id="run-1",
        artifacts=ARTIFACTS,
        environment="/opt/verger/abc",
        airflow_run="manual__1",
    )


@pytest.mark.parametrize(
    "values",
    [
        {},
        {
            "VERGER_TASK_SPOT": "0",
            "VERGER_SUBNET_IDS": "subnet-0a,subnet-0b",
            "VERGER_SECURITY_CONFIGURATION": "verger",
            "VERGER_SCALE_UP_TO": "10",
        },
    ],
)
def test_requests_are_valid_for_the_api(values: dict[str, str]) -> None:
    api = botocore.session.get_session().get_service_model("emr")
    made = [
        steps.featurize(settings(**values), RUN, ARTIFACTS, "exact"),
        steps.pca(settings(**values), RUN, ARTIFACTS, "0.9"),
    ]
    for operation, request in (
        ("RunJobFlow", cluster(**values)),
        ("AddJobFlowSteps", {"JobFlowId": "j-1", "Steps": made}),
    ):
        shape = api.operation_model(operation).input_shape
        assert shape is not None
        report = ParamValidator().validate(request, shape)
        assert not report.has_errors(), report.generate_report()


def test_an_idle_cluster_terminates_itself_and_no_protection_prevents_a_termination() -> None:
    request = cluster(VERGER_IDLE_TIMEOUT="300")
    assert request["AutoTerminationPolicy"] == {"IdleTimeout": 300}
    assert request["Instances"]["TerminationProtected"] is False
    assert request["Instances"]["KeepJobFlowAliveWhenNoSteps"] is True


def test_the_tags_identify_the_run_and_allow_emr_to_manage_the_cluster() -> None:
    tags = {tag["Key"]: tag["Value"] for tag in cluster()["Tags"]}
    assert tags == {
        "verger": "cluster",
        "verger:dag": "fruit_features",
        "verger:run": "run-1",
        "verger:airflow-run": "manual__1",
        "verger:deployment": "orchard",
        "for-use-with-amazon-emr-managed-policies": "true",
    }


def test_the_steps_run_in_the_environment_that_the_bootstrap_action_builds() -> None:
    request = cluster()
    action = request["BootstrapActions"][0]["ScriptBootstrapAction"]
    assert action == {"Path": f"{ARTIFACTS}/bootstrap_emr.sh", "Args": [ARTIFACTS, "/opt/verger/abc"]}
    defaults = request["Configurations"][0]["Properties"]
    assert defaults["spark.pyspark.python"] == "/opt/verger/abc/bin/python"
    assert defaults["spark.executorEnv.MALLOC_ARENA_MAX"] == "1"
    assert defaults["spark.executorEnv.PILLOW_BLOCKS_MAX"] == "2"
    assert defaults["spark.executorEnv.AWS_REGION"] == "eu-west-3"


def mib(properties: dict[str, str], prefix: str) -> int:
    return sum(int(properties[f"{prefix}.{part}"].removesuffix("m")) for part in ("memory", "memoryOverhead"))


def classification(request: dict[str, Any], name: str) -> dict[str, Any]:
    return next(found for found in request["Configurations"] if found["Classification"] == name)


@pytest.mark.parametrize("region", [region for region in EU_REGIONS if default_workers(region)])
def test_the_executors_of_all_vcpus_and_the_application_master_fit_on_every_default_worker(region: str) -> None:
    request = cluster(VERGER_REGION=region)
    defaults = classification(request, "spark-defaults")["Properties"]
    vcores = int(classification(request, "yarn-site")["Properties"]["yarn.nodemanager.resource.cpu-vcores"])
    executor, master = mib(defaults, "spark.executor"), mib(defaults, "spark.yarn.am")
    for name in settings(VERGER_REGION=region).cluster.worker_instance_types:
        assert 2 * executor + master <= YARN_MIB[name], name
    assert 2 * int(defaults["spark.executor.cores"]) + int(defaults["spark.yarn.am.cores"]) == vcores


def test_the_smallest_default_worker_is_the_one_for_which_the_executors_are_sized() -> None:
    assert min(YARN_MIB.values()) == 5632
    assert {name: container_sizes.executors(name, 2560) for name in YARN_MIB} == dict.fromkeys(YARN_MIB, 2)


def test_a_larger_executor_changes_its_size_and_the_number_that_fits_on_a_worker() -> None:
    larger = {"VERGER_EXECUTOR_HEAP_MIB": "1024", "VERGER_EXECUTOR_OVERHEAD_MIB": "3072"}
    defaults = classification(cluster(**larger), "spark-defaults")["Properties"]
    assert (defaults["spark.executor.memory"], defaults["spark.executor.memoryOverhead"]) == ("1024m", "3072m")
    words = steps.featurize(settings(**larger), RUN, ARTIFACTS, "exact")["HadoopJarStep"]["Args"]
    assert words[words.index("--cores") + 1] == "4", "one executor of two cores on each of two workers"


def test_workers_of_several_sizes_keep_the_vcores_of_emr() -> None:
    request = cluster(VERGER_WORKER_INSTANCE_TYPES="c7i.xlarge,c7i.2xlarge")
    assert "yarn-site" not in [found["Classification"] for found in request["Configurations"]]


def test_executors_have_exactly_the_requested_size_and_the_application_master_two_attempts() -> None:
    defaults = classification(cluster(), "spark-defaults")["Properties"]
    assert defaults["spark.yarn.heterogeneousExecutors.enabled"] == "false"
    assert defaults["spark.yarn.maxAppAttempts"] == "2", "the node of the first one may be lost"


def test_the_driver_on_the_primary_node_gets_region_and_threads() -> None:
    found = classification(cluster(VERGER_REGION="eu-north-1"), "spark-env")["Configurations"]
    assert found == [{"Classification": "export", "Properties": {"AWS_REGION": "eu-north-1", "OMP_NUM_THREADS": "1"}}]


def test_every_fleet_has_an_allocation_strategy() -> None:
    found = {
        fleet["InstanceFleetType"]: {of["AllocationStrategy"] for of in fleet["LaunchSpecifications"].values()}
        for fleet in cluster()["Instances"]["InstanceFleets"]
    }
    assert found == {"MASTER": {"lowest-price"}, "CORE": {"lowest-price"}, "TASK": {"price-capacity-optimized"}}


def test_a_setting_leaves_the_event_log_to_emr() -> None:
    defaults = classification(cluster(VERGER_EVENT_LOG_IN_BUCKET="false"), "spark-defaults")["Properties"]
    assert [name for name in defaults if "eventLog" in name] == []


def test_spark_writes_its_event_logs_under_the_log_prefix() -> None:
    defaults = cluster()["Configurations"][0]["Properties"]
    events = {name.removeprefix("spark.eventLog."): value for name, value in defaults.items() if "eventLog" in name}
    assert events == {
        "enabled": "true",
        "dir": "s3://orchard/logs/spark-events/",
        "compress": "true",
        "rolling.enabled": "false",
    }


def test_spot_capacity_uses_several_types_and_falls_back_to_on_demand() -> None:
    task = cluster(VERGER_TASK_SPOT="4")["Instances"]["InstanceFleets"][2]
    assert task["TargetSpotCapacity"] == 4
    assert len(task["InstanceTypeConfigs"]) > 1
    spot = task["LaunchSpecifications"]["SpotSpecification"]
    assert spot["AllocationStrategy"] == "price-capacity-optimized"
    assert spot["TimeoutAction"] == "SWITCH_TO_ON_DEMAND"


def test_the_arguments_of_a_step_name_everything_that_it_reads_and_writes() -> None:
    # The decoding is that of the plan, not that of the settings.
    step = steps.featurize(settings(VERGER_PHOTOS_PER_TASK="64", VERGER_DECODING="exact"), RUN, ARTIFACTS, "scaled")
    assert step["ActionOnFailure"] == "CONTINUE"
    assert step["Name"] == "featurize run-1"
    words = step["HadoopJarStep"]["Args"]
    assert words[:11] == [
        *("spark-submit", "--master", "yarn", "--deploy-mode", "client"),
        *("--conf", f"spark.driver.{steps.JVM_OPTIONS}", "--conf", f"spark.executor.{steps.JVM_OPTIONS}"),
        *("--py-files", f"{ARTIFACTS}/verger_spark.zip"),
    ]
    assert words[11] == f"{ARTIFACTS}/featurize.py"
    options = dict(zip(words[12::2], words[13::2], strict=True))
    assert options == {
        "--images": "s3://orchard",
        "--images-prefix": "images/",
        "--inventory": "s3://orchard/runs/run-1/work.parquet",
        "--model": f"{ARTIFACTS}/model",
        "--decoding": "scaled",
        "--features": "s3://orchard/features/run=run-1~{attempt}/",
        "--rejects": "s3://orchard/rejects/run=run-1~{attempt}/",
        "--metrics": "s3://orchard/runs/run-1/featurize.json",
        "--progress": "s3://orchard/runs/run-1/progress.json",
        "--cores": "8",
        "--photos-per-task": "64",
    }
    words = steps.pca(settings(), RUN, ARTIFACTS, "{{ params.target_variance }}")["HadoopJarStep"]["Args"]
    options = dict(zip(words[12::2], words[13::2], strict=True))
    assert options == {
        "--plan": "s3://orchard/runs/run-1/plan.json",
        "--model": f"{ARTIFACTS}/model",
        "--pca": "s3://orchard/pca/run=run-1~{attempt}/",
        "--basis": "s3://orchard/models/pca/run=run-1~{attempt}/",
        "--statistics": "s3://orchard/runs/run-1/statistics~{attempt}/",
        "--drift": "s3://orchard/runs/run-1/drift~{attempt}/",
        "--metrics": "s3://orchard/runs/run-1/pca.json",
        "--progress": "s3://orchard/runs/run-1/progress.json",
        "--target-variance": "{{ params.target_variance }}",
        "--max-components": "1280",
        "--cores": "8",
    }


@pytest.mark.parametrize(
    ("types", "more", "cores"),
    [
        ("c6i.xlarge,m5.xlarge", {}, "8"),
        ("c6i.xlarge,m5.2xlarge", {}, "6"),  # the application master takes the cores of an executor
        ("c7g.16xlarge", {"VERGER_TASK_SPOT": "3"}, "256"),
        ("m4.large", {"VERGER_TASK_SPOT": "0"}, "2"),
        ("m4.large", {"VERGER_SCALE_UP_TO": "40"}, "80"),
        ("c6i.metal", {}, None),
    ],
)
def test_the_step_gets_the_cores_of_all_executors(types: str, more: dict[str, str], cores: str | None) -> None:
    words = steps.featurize(settings(VERGER_WORKER_INSTANCE_TYPES=types, **more), RUN, ARTIFACTS, "exact")
    words = words["HadoopJarStep"]["Args"]
    assert dict(zip(words[12::2], words[13::2], strict=True)).get("--cores") == cores


@pytest.mark.parametrize(("scale_up_to", "maximum"), [("1", 5), ("9", 9)])
def test_managed_scaling_adds_nodes_and_removes_none_of_the_launch(scale_up_to: str, maximum: int) -> None:
    request = cluster(VERGER_SCALE_UP_TO=scale_up_to, VERGER_CORE_ON_DEMAND="2", VERGER_TASK_SPOT="3")
    limits = request["ManagedScalingPolicy"]["ComputeLimits"]
    assert (limits["MinimumCapacityUnits"], limits["MaximumCapacityUnits"]) == (5, maximum)
