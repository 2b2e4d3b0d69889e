"""The clusters that a run of the demo launched: none of them outlives it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from demo.errors import DemoError
from local_aws.processes import interrupts
from local_aws.stack import Stack

LIVING = ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING", "TERMINATING"]
PATIENCE_S = 60.0


@contextlib.contextmanager
def ended_after(stack: Stack, bucket: str) -> Iterator[None]:
    """However the body ends, no cluster that was launched for the bucket meanwhile lives on."""
    since = datetime.now(UTC)
    try:
        yield
    finally:
        interrupts.ignore()
        if stack.status()["emr"]["pid"] is not None:
            end(stack.client("emr"), bucket, since)


def end(emr: Any, bucket: str, since: datetime) -> None:
    """Terminate the living clusters that log to the bucket and were launched after `since`; wait for their end.

    Raises DemoError when one has not ended PATIENCE_S seconds later.
    """
    deadline = time.monotonic() + PATIENCE_S
    while living := _living(emr, bucket, since):
        if time.monotonic() > deadline:
            raise DemoError(f"{', '.join(living)}: not ended after {PATIENCE_S:.0f} s; run `python -m local_aws down`")
        for cluster in living:
            _ask_to_end(emr, cluster)
        time.sleep(0.3)


def _ask_to_end(emr: Any, cluster: str) -> None:
    try:
        emr.set_termination_protection(JobFlowIds=[cluster], TerminationProtected=False)
        emr.terminate_job_flows(JobFlowIds=[cluster])
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            raise
        # It is shutting down already, since the DAG's teardown or our last question.


def _living(emr: Any, bucket: str, since: datetime) -> list[str]:
    found = emr.list_clusters(CreatedAfter=since, ClusterStates=LIVING)["Clusters"]
    logs = {
        cluster["Id"]: emr.describe_cluster(ClusterId=cluster["Id"])["Cluster"].get("LogUri", "") for cluster in found
    }
    return [cluster for cluster, uri in logs.items() if uri.replace("s3n://", "s3://").startswith(f"s3://{bucket}/")]
