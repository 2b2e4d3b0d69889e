"""The clusters that a run of the demo launched. All of them are terminated at its end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from demo.errors import DemoError
from local_aws.processes import interrupts
from local_aws.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_emr.literals import ClusterStateType

ACTIVE: list[ClusterStateType] = ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING", "TERMINATING"]
TIMEOUT_S = 60.0


@contextlib.contextmanager
def ended_after(stack: Stack, bucket: str) -> Iterator[None]:
    """Terminate the clusters that were launched for the bucket during the body, also after an error."""
    since = datetime.now(UTC)
    try:
        yield
    finally:
        interrupts.ignore()
        if stack.status()["emr"]["pid"] is not None:
            terminate(stack.client("emr"), bucket, since)


def terminate(emr: EMRClient, bucket: str, since: datetime) -> None:
    """Terminate the active clusters that write logs to the bucket and were launched after `since`, and wait.

    Raises
    ------
    DemoError
        When a cluster has not ended after TIMEOUT_S seconds.
    """
    deadline = time.monotonic() + TIMEOUT_S
    while active := _active(emr, bucket, since):
        if time.monotonic() > deadline:
            raise DemoError(f"{', '.join(active)}: not ended after {TIMEOUT_S:.0f} s; run `python -m local_aws down`")
        for cluster in active:
            _request_end(emr, cluster)
        time.sleep(0.3)


def newest(emr: EMRClient) -> str:
    """Return id and state of the newest cluster."""
    found = emr.list_clusters()["Clusters"]
    return f"{found[0]['Id']} {found[0]['Status']['State']}" if found else "none"


def _request_end(emr: EMRClient, cluster: str) -> None:
    try:
        emr.set_termination_protection(JobFlowIds=[cluster], TerminationProtected=False)
        emr.terminate_job_flows(JobFlowIds=[cluster])
    except ClientError as error:
        # ValidationException: the teardown of the DAG or an earlier request ends the cluster already.
        if error.response["Error"]["Code"] != "ValidationException":
            raise


def _active(emr: EMRClient, bucket: str, since: datetime) -> list[str]:
    found = emr.list_clusters(CreatedAfter=since, ClusterStates=ACTIVE)["Clusters"]
    logs = {
        cluster["Id"]: emr.describe_cluster(ClusterId=cluster["Id"])["Cluster"].get("LogUri", "") for cluster in found
    }
    return [cluster for cluster, uri in logs.items() if uri.replace("s3n://", "s3://").startswith(f"s3://{bucket}/")]
