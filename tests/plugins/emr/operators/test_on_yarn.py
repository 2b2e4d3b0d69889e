"""Steps of the pipeline's operators on a real YARN: the reason of a memory kill, and what a cancelled step leaves."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from local_aws.processes.cluster import cluster_processes
from local_aws.yarn import resource_manager
from tests.local_aws.yarn.jobs import JOBS, SECONDS, SMALL, addresses
from tests.places import ROOT, of_long_form
from tests.plugins.conftest import bucket_settings, running_stack
from tests.plugins.emr.operators.conftest import (
    CONNECTION,
    Add,
    Done,
    NewCluster,
    command_step,
    deferred_trigger,
    fire,
    step_state,
    wait_for,
)
from verger.emr.operators.terminate_cluster import TerminateCluster
from verger.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_s3 import S3Client

pytestmark = [
    pytest.mark.skipif(
        not (ROOT / ".verger/jars/yarn-hadoop-3.4.2").is_dir(), reason="the jars of YARN are missing (`make jars`)"
    ),
]
#: A task that writes the time into a file of its application, until it is killed.
WRITER = """
import sys, time
from pyspark.sql import SparkSession
context = SparkSession.builder.getOrCreate().sparkContext
name = f"{sys.argv[1]}/{context.applicationId}"
def write(_):
    while True:
        with open(name, "a") as file:
            file.write(f"{time.time()}\\n")
        time.sleep(0.1)
context.parallelize([1], 1).foreach(write)
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the state folder of a local_aws whose clusters have a real YARN with one worker."""
    with running_stack(tmp_path_factory.mktemp("yarn"), "--cluster", "yarn", "--yarn-nodes", "1") as state:
        yield state


@pytest.fixture
def settings(stack: Path) -> Iterator[Settings]:
    """Return the settings of a new bucket, of a cluster with one worker and small executors."""
    with bucket_settings() as made:
        yield replace(
            made, cluster=replace(made.cluster, task_spot=0, executor_overhead_mib=384, event_log_in_bucket=False)
        )


@pytest.fixture
def cluster(new_cluster: NewCluster, overrides: dict[str, Any], context: Any, emr: EMRClient) -> str:
    """Return the id of a cluster that is WAITING."""
    job_flow_id = str(new_cluster(overrides).execute(context))
    wait_for(lambda: emr.describe_cluster(ClusterId=job_flow_id)["Cluster"]["Status"]["State"] == "WAITING", SECONDS)
    return job_flow_id


def spark_step(client: S3Client, settings: Settings, program: str, *arguments: str) -> dict[str, Any]:
    """Return a step that runs a program with one executor of one core. No bootstrap action has built its Python."""
    bucket, python = settings.storage.bucket, Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    client.put_object(Bucket=bucket, Key="job.py", Body=program.encode())
    conf = [f"spark.pyspark.python={python}", f"spark.pyspark.driver.python={python}"]
    options = [*SMALL, *(word for one in conf for word in ("--conf", one)), f"s3://{bucket}/job.py"]
    return command_step(
        "featurize run-1", "spark-submit", "--master", "yarn", "--deploy-mode", "client", *options, *arguments
    )


@of_long_form
def test_the_user_reads_that_yarn_killed_an_executor_its_limit_and_what_to_raise(
    *, add: Add, done: Done, cluster: str, context: Any, settings: Settings, client: S3Client
) -> None:
    request = spark_step(client, settings, JOBS["hog"])
    (step,) = add(cluster, request).execute(context)
    task = done(cluster, step, request)
    task.max_attempts = 3 * int(SECONDS)
    event = fire(deferred_trigger(task.execute, context))
    with pytest.raises(AirflowFailException) as caught:
        task.execute_complete(context, event)
    found = str(caught.value)
    assert re.search(r"is FAILED: YARN killed an executor that used [\d.]+ GB of 1\.1 GB memory: ", found), found
    assert "an executor has 1,152 MiB, 768 for the heap (VERGER_EXECUTOR_HEAP_MIB) and 384 for Python" in found
    assert "raise VERGER_EXECUTOR_OVERHEAD_MIB (log: s3://" in found


@of_long_form
def test_a_step_that_is_cancelled_cleared_or_marked_failed_leaves_no_application_and_no_second_writer(
    *,
    add: Add,
    done: Done,
    cluster: str,
    overrides: dict[str, Any],
    context: Any,
    settings: Settings,
    client: S3Client,
    emr: EMRClient,
    tmp_path: Path,
) -> None:
    [primary, _] = addresses(emr, cluster).values()
    request = spark_step(client, settings, WRITER, str(tmp_path))
    (first,) = add(cluster, request).execute(context)
    trigger: Any = deferred_trigger(done(cluster, first, request).execute, context)
    wait_for(lambda: writers(tmp_path) == 1, SECONDS)

    # A user clears the task, or marks it failed: Airflow ends the trigger, and a cleared task runs again.
    asyncio.run(trigger.on_kill())
    wait_for(lambda: step_state(emr, cluster, first) == "CANCELLED")
    wait_for(lambda: containers(primary) == 0)
    (second,) = add(cluster, request).execute(context)
    assert second != first
    wait_for(lambda: writers(tmp_path) == 2, SECONDS)
    one, two = sorted(times(path) for path in tmp_path.iterdir())
    assert one[-1] < two[0], "the first application has ended before the second one writes"

    # A user marks the run failed: Airflow runs the teardown.
    trigger = deferred_trigger(done(cluster, second, request).execute, context)
    asyncio.run(trigger.on_kill())
    teardown = TerminateCluster(
        task_id="terminate_cluster",
        job_flow_id=cluster,
        cluster_name=overrides["Name"],
        cluster_tags=overrides["Tags"],
        waiter_delay=1,
        waiter_max_attempts=120,
        **CONNECTION,
    )
    fire(deferred_trigger(teardown.execute, context))
    assert cluster_processes(cluster) == []
    written = [times(path) for path in tmp_path.iterdir()]
    time.sleep(1)
    assert [times(path) for path in tmp_path.iterdir()] == written


def writers(folder: Path) -> int:
    """Return how many applications have written."""
    return len([*folder.iterdir()])


def times(path: Path) -> list[float]:
    """Return the times that an application has written."""
    return [float(line) for line in path.read_text().splitlines()]


def containers(primary: str) -> int:
    """Return the number of containers that YARN runs."""
    return int(resource_manager.metrics(primary)["containersAllocated"])
