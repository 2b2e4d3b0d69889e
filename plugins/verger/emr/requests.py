"""The request of a cluster to EMR, as a plain dict in the shape of boto3's arguments.

The functions are pure. Every text may hold Jinja, which Airflow renders when the task runs.
"""

from __future__ import annotations

from typing import Any

from verger.emr import fleets
from verger.emr.fleets import SupportsSizes, sizes
from verger.settings import Cluster, Settings
from verger.settings.container_sizes import (
    EXECUTOR_CORES,
    EXECUTOR_OVERHEAD_MIB,
    MASTER_CORES,
    MASTER_HEAP_MIB,
    MASTER_OVERHEAD_MIB,
)
from verger_contract.keys import SPARK_EVENTS, uri

__all__ = [
    "DAG_TAG",
    "EXECUTOR_CORES",
    "EXECUTOR_OVERHEAD_MIB",
    "RUN_TAG",
    "cluster",
    "sizes",
]

NAME_PREFIX = "verger "
"""The name of a cluster starts with it; the run id follows."""

DAG_TAG, RUN_TAG = "verger:dag", "verger:run"
AIRFLOW_RUN_TAG, DEPLOYMENT_TAG = "verger:airflow-run", "verger:deployment"
"""Airflow's id of the DAG run (see `airflow_run_tag`), and the Airflow that launched the cluster."""

WORKER_MEMORY = {"spark.executorEnv.MALLOC_ARENA_MAX": "1", "spark.executorEnv.PILLOW_BLOCKS_MAX": "2"}
"""How Python workers allocate memory.

The threads of a worker share one arena of glibc's malloc. With an arena per thread, each arena keeps its peak memory,
and the step is not faster. The executor's JVM gets the variable too, but its heap is not malloc's.

Pillow keeps two blocks of 16 MiB for the next image, of which they are a part. Without this, the kernel provides and
clears the pages of each large image again, a third of the time that its decoding takes (benchmarks/profiles.md).
"""


DOMINANT_RESOURCE = "org.apache.hadoop.yarn.util.resource.DominantResourceCalculator"


def cluster(
    settings: Settings,
    *,
    dag_id: str,
    run_id: str,
    artifacts: str,
    environment: str,
    airflow_run: str = "",
    sized: SupportsSizes | None = None,
) -> dict[str, Any]:
    """Return the RunJobFlow request.

    Parameters
    ----------
    settings : Settings
    dag_id, run_id, airflow_run : str
        Tags of the cluster: a retry finds the cluster of an earlier try by the first two, the janitor finds the DAG run
        by the third (see `verger.janitor.airflow_run_tag`; empty: unknown).
    artifacts, environment : str
        URI of the artifact set, and the folder on each node in which the bootstrap action installs it.
    sized : mapping or XComArg, optional
        The result of `sizes`, or the task that pushes its members as XComs. Default: the numbers of the settings.
    """
    options = settings.cluster
    sized = fleets.sizes_of_settings(settings) if sized is None else sized
    return {
        "Name": f"{NAME_PREFIX}{run_id}",
        "ReleaseLabel": options.release_label,
        "Applications": [{"Name": "Spark"}],
        "LogUri": uri(settings.storage.bucket, options.log_prefix),
        "ServiceRole": options.service_role,
        "JobFlowRole": options.node_role,
        "VisibleToAllUsers": True,
        "StepConcurrencyLevel": 1,
        "EbsRootVolumeSize": options.ebs_root_gib,
        "AutoTerminationPolicy": {"IdleTimeout": sized["idle_seconds"]},
        "Instances": _instances(options, sized["fleets"]),
        "BootstrapActions": [_bootstrap_action(artifacts, environment)],
        "Configurations": _configurations(settings, environment),
        "Tags": _tags(settings, dag_id, run_id, airflow_run),
        **_optional(options, sized),
    }


def _instances(options: Cluster, instance_fleets: Any) -> dict[str, Any]:
    return {
        "InstanceFleets": instance_fleets,
        "KeepJobFlowAliveWhenNoSteps": True,
        "TerminationProtected": False,
        **({"Ec2SubnetIds": list(options.subnet_ids)} if options.subnet_ids else {}),
        **{name: group for name, group in options.security_groups.items() if group},
    }


def _optional(options: Cluster, sized: SupportsSizes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if options.security_configuration:
        found["SecurityConfiguration"] = options.security_configuration
    if options.scale_up_to:
        found["ManagedScalingPolicy"] = {"ComputeLimits": sized["compute_limits"]}
    return found


def _bootstrap_action(artifacts: str, environment: str) -> dict[str, Any]:
    script = {"Path": f"{artifacts}/bootstrap_emr.sh", "Args": [artifacts, environment]}
    return {"Name": "python environment", "ScriptBootstrapAction": script}


def _configurations(settings: Settings, environment: str) -> list[dict[str, Any]]:
    vcores = fleets.node_vcores(settings.cluster)
    return [
        {"Classification": "spark-defaults", "Properties": _spark_defaults(settings, environment)},
        {
            "Classification": "spark-env",
            "Properties": {},
            "Configurations": [{"Classification": "export", "Properties": _driver_environment(settings)}],
        },
        # YARN's default calculator counts memory only: a node would get more executors than it has cores for.
        {
            "Classification": "capacity-scheduler",
            "Properties": {"yarn.scheduler.capacity.resource-calculator": DOMINANT_RESOURCE},
        },
        *([_yarn_site(vcores)] if vcores else []),
    ]


def _yarn_site(vcores: int) -> dict[str, Any]:
    return {"Classification": "yarn-site", "Properties": {"yarn.nodemanager.resource.cpu-vcores": str(vcores)}}


def _driver_environment(settings: Settings) -> dict[str, str]:
    """Return the variables of the driver. In client mode it gets no `spark.yarn.appMasterEnv.*`."""
    return {
        # Python reads the photos without Spark, and no configuration on a node holds the region of the bucket.
        "AWS_REGION": settings.storage.region,
        # The eigenvectors of 1,280 features are the only large computation of the driver. Threads do not speed it up.
        "OMP_NUM_THREADS": "1",
    }


def _spark_defaults(settings: Settings, environment: str) -> dict[str, str]:
    python = f"{environment}/bin/python"
    return {
        "spark.executorEnv.AWS_REGION": settings.storage.region,
        **WORKER_MEMORY,
        "spark.pyspark.python": python,
        "spark.pyspark.driver.python": python,
        "spark.executor.cores": str(EXECUTOR_CORES),
        "spark.executor.memory": f"{settings.cluster.executor_heap_mib}m",
        "spark.executor.memoryOverhead": f"{settings.cluster.executor_overhead_mib}m",
        "spark.yarn.am.cores": str(MASTER_CORES),
        "spark.yarn.am.memory": f"{MASTER_HEAP_MIB}m",
        "spark.yarn.am.memoryOverhead": f"{MASTER_OVERHEAD_MIB}m",
        # EMR enables it: cores and memory of an executor are then minimums, and executors are larger on large nodes.
        "spark.yarn.heterogeneousExecutors.enabled": "false",
        # In client mode an attempt is one of the application master only: an error of the step ends the driver, and
        # with it the application. With one attempt, the loss of the node of the application master fails the step.
        "spark.yarn.maxAppAttempts": "2",
        **(_event_log(settings) if settings.cluster.event_log_in_bucket else {}),
    }


def _event_log(settings: Settings) -> dict[str, str]:
    """Return the options for a history server. A rolled log is several objects, which it would list each time."""
    return {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": uri(settings.storage.bucket, SPARK_EVENTS),
        "spark.eventLog.compress": "true",
        "spark.eventLog.rolling.enabled": "false",
    }


def _tags(settings: Settings, dag_id: str, run_id: str, airflow_run: str) -> list[dict[str, str]]:
    tags = {
        "verger": "cluster",
        DAG_TAG: dag_id,
        RUN_TAG: run_id,
        AIRFLOW_RUN_TAG: airflow_run,
        DEPLOYMENT_TAG: settings.janitor.deployment_of(settings.storage.bucket),
        "for-use-with-amazon-emr-managed-policies": "true",
    }
    return [{"Key": key, "Value": value} for key, value in tags.items()]
