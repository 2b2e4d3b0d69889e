"""What is asked of EMR: the cluster and its two steps, as plain dicts in boto3's shape. Pure functions.

Every text may hold Jinja; Airflow renders it when the task runs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from verger.settings import Cluster, Settings
from verger_contract.keys import SPARK_EVENTS, Run, uri

DAG_TAG, RUN_TAG = "verger:dag", "verger:run"

SMALL_SIZES = {"medium": 1, "large": 2, "xlarge": 4}
"""vCPUs of an instance by the size in its type's name; those of an `Nxlarge` are 4 N."""

# What the steps use lies in Python, outside the JVM's heap, where YARN counts it as overhead: for each core a worker
# with its libraries and an interpreter, photos fetched ahead (64 MB at most) and one being decoded (up to 0.7 GB for
# the largest that is let in). Two cores, 3 GiB: two such executors fill the 6 GiB that YARN has on a c6i.xlarge.
EXECUTOR_CORES = 2
EXECUTOR_HEAP_MIB = 1280
EXECUTOR_OVERHEAD_MIB = 1792
QUICK_JAVA = "extraJavaOptions=-XX:TieredStopAtLevel=1 -Darrow.enable_unsafe_memory_access=true"
"""Java compiles with its quick compiler alone, and Arrow does not check every float that it copies. What the JVM does
here, it does for minutes, not hours: its thorough compiler would take more time from the cores that compute features
than it gives back (benchmarks/profiles.md)."""

ONE_ARENA = {"spark.executorEnv.MALLOC_ARENA_MAX": "1"}
"""A Python worker's threads share one heap: each would keep what it once had (glibc's malloc), and no photo is done
sooner for it. On a cluster the executor's Java gets the variable too, which has its own heap."""

DOMINANT_RESOURCE = "org.apache.hadoop.yarn.util.resource.DominantResourceCalculator"


def cluster(settings: Settings, *, dag_id: str, run_id: str, artifacts: str, environment: str) -> dict[str, Any]:
    """The RunJobFlow request.

    `artifacts` is the URI of the artifact set; `environment` the folder in which its bootstrap action builds the
    Python environment of the jobs.
    """
    ours = settings.cluster
    request: dict[str, Any] = {
        "Name": f"verger {run_id}",
        "ReleaseLabel": ours.release_label,
        "Applications": [{"Name": "Spark"}],
        "LogUri": uri(settings.storage.bucket, ours.log_prefix),
        "ServiceRole": ours.service_role,
        "JobFlowRole": ours.node_role,
        "VisibleToAllUsers": True,
        "StepConcurrencyLevel": 1,
        "EbsRootVolumeSize": ours.ebs_root_gib,
        "AutoTerminationPolicy": {"IdleTimeout": ours.idle_timeout},
        "Instances": {
            "InstanceFleets": _fleets(ours),
            "KeepJobFlowAliveWhenNoSteps": True,
            "TerminationProtected": False,
        },
        "BootstrapActions": [
            {
                "Name": "python environment",
                "ScriptBootstrapAction": {"Path": f"{artifacts}/bootstrap_emr.sh", "Args": [artifacts, environment]},
            }
        ],
        "Configurations": [
            {"Classification": "spark-defaults", "Properties": _spark(settings, environment)},
            # By default YARN looks at memory alone, and would give a node more executors than it has cores for.
            {
                "Classification": "capacity-scheduler",
                "Properties": {"yarn.scheduler.capacity.resource-calculator": DOMINANT_RESOURCE},
            },
        ],
        "Tags": _tags(dag_id, run_id),
    }
    if ours.subnet_ids:
        request["Instances"]["Ec2SubnetIds"] = list(ours.subnet_ids)
    if ours.security_configuration:
        request["SecurityConfiguration"] = ours.security_configuration
    if ours.scale_up_to:
        request["ManagedScalingPolicy"] = {"ComputeLimits": _limits(ours)}
    return request


def _spark(settings: Settings, environment: str) -> dict[str, str]:
    python = f"{environment}/bin/python"
    region = settings.storage.region
    return {
        # Python reads the photos itself, and nothing on a node tells it the region of the bucket.
        "spark.yarn.appMasterEnv.AWS_REGION": region,
        "spark.executorEnv.AWS_REGION": region,
        **ONE_ARENA,
        # The driver's one heavy computation, the eigenvectors of 1,280 features, is too small for several threads.
        "spark.yarn.appMasterEnv.OMP_NUM_THREADS": "1",
        "spark.pyspark.python": python,
        "spark.pyspark.driver.python": python,
        "spark.executor.cores": str(EXECUTOR_CORES),
        "spark.executor.memory": f"{EXECUTOR_HEAP_MIB}m",
        "spark.executor.memoryOverhead": f"{EXECUTOR_OVERHEAD_MIB}m",
        # The driver may lie on a Spot node: one that is taken away costs a second attempt, not the night.
        "spark.yarn.maxAppAttempts": "2",
        # For a history server. In one file: to list what is rolled, it would ask S3 for the parts of each application.
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": uri(settings.storage.bucket, SPARK_EVENTS),
        "spark.eventLog.compress": "true",
        "spark.eventLog.rolling.enabled": "false",
    }


def _tags(dag_id: str, run_id: str) -> list[dict[str, str]]:
    tags = {
        "verger": "cluster",
        DAG_TAG: dag_id,
        RUN_TAG: run_id,
        "for-use-with-amazon-emr-managed-policies": "true",
    }
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _fleets(ours: Cluster) -> list[dict[str, Any]]:
    def types(names: Sequence[str]) -> list[dict[str, Any]]:
        volume = {"VolumeSpecification": {"VolumeType": "gp3", "SizeInGB": ours.ebs_data_gib}, "VolumesPerInstance": 1}
        return [
            {"InstanceType": name, "WeightedCapacity": 1, "EbsConfiguration": {"EbsBlockDeviceConfigs": [volume]}}
            for name in names
        ]

    fleets: list[dict[str, Any]] = [
        {
            "Name": "primary",
            "InstanceFleetType": "MASTER",
            "TargetOnDemandCapacity": 1,
            "InstanceTypeConfigs": types(ours.primary_instance_types),
        },
        {
            "Name": "core",
            "InstanceFleetType": "CORE",
            "TargetOnDemandCapacity": ours.core_on_demand,
            "InstanceTypeConfigs": types(ours.worker_instance_types),
        },
    ]
    if ours.task_spot:
        fleets.append(
            {
                "Name": "task",
                "InstanceFleetType": "TASK",
                "TargetSpotCapacity": ours.task_spot,
                "InstanceTypeConfigs": types(ours.worker_instance_types),
                "LaunchSpecifications": {
                    "SpotSpecification": {
                        "AllocationStrategy": "price-capacity-optimized",
                        "TimeoutDurationMinutes": 10,
                        "TimeoutAction": "SWITCH_TO_ON_DEMAND",
                    }
                },
            }
        )
    return fleets


def _limits(ours: Cluster) -> dict[str, Any]:
    least = ours.core_on_demand + ours.task_spot
    return {
        "UnitType": "InstanceFleetUnits",
        "MinimumCapacityUnits": ours.core_on_demand,
        "MaximumCapacityUnits": max(ours.scale_up_to, least),
        "MaximumOnDemandCapacityUnits": ours.core_on_demand,
        "MaximumCoreCapacityUnits": ours.core_on_demand,
    }


def featurize(settings: Settings, run: Run, artifacts: str) -> dict[str, Any]:
    """Step 1: the photos that the run has to do, to features and rejects."""
    storage = settings.storage
    arguments = {
        "--images": f"s3://{storage.bucket}",
        "--images-prefix": storage.images_prefix,
        "--inventory": run.uri(run.work),
        "--model": f"{artifacts}/model",
        "--features": run.uri(run.features),
        "--rejects": run.uri(run.rejects),
        "--metrics": run.uri(run.metrics("featurize")),
        "--progress": run.uri(run.progress),
    }
    arguments |= _cores(settings.cluster)
    if settings.featurize.photos_per_task:
        arguments["--photos-per-task"] = str(settings.featurize.photos_per_task)
    return _step("featurize", run, artifacts, arguments)


def _cores(ours: Cluster) -> dict[str, str]:
    """`--cores`: the vCPUs of the workers once all have come; nothing where the names of their types do not tell.

    Spark knows only those that are there when it begins, and would share out the work among too few.
    """
    sizes = [name.rpartition(".")[2] for name in ours.worker_instance_types]
    if not all(size in SMALL_SIZES or re.fullmatch(r"\d+xlarge", size) for size in sizes):
        return {}
    each = min(SMALL_SIZES.get(size) or 4 * int(size.removesuffix("xlarge")) for size in sizes)
    return {"--cores": str(each * max(ours.core_on_demand + ours.task_spot, ours.scale_up_to))}


def pca(settings: Settings, run: Run, artifacts: str, target_variance: str) -> dict[str, Any]:
    """Step 2: the current features, of this run and of earlier ones, to projections and the basis that made them."""
    return _step(
        "pca",
        run,
        artifacts,
        {
            "--plan": run.uri(run.plan),
            "--model": f"{artifacts}/model",
            "--pca": run.uri(run.pca),
            "--basis": run.uri(run.basis),
            "--drift": run.uri(run.drift),
            "--metrics": run.uri(run.metrics("pca")),
            "--progress": run.uri(run.progress),
            "--target-variance": target_variance,
            "--max-components": str(settings.pca.max_components),
            **_cores(settings.cluster),
        },
    )


def _step(stage: str, run: Run, artifacts: str, arguments: dict[str, str]) -> dict[str, Any]:
    return {
        # One name per stage and run: by it a retry finds the step that an earlier try submitted.
        "Name": f"{stage} {run.id}",
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {
            "Jar": "command-runner.jar",
            "Args": [
                "spark-submit",
                "--master",
                "yarn",
                "--deploy-mode",
                "cluster",
                *(word for end in ("driver", "executor") for word in ("--conf", f"spark.{end}.{QUICK_JAVA}")),
                "--py-files",
                f"{artifacts}/verger_spark.zip",
                f"{artifacts}/{stage}.py",
                *(word for pair in arguments.items() for word in pair),
            ],
        },
    }
