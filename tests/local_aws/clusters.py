"""Requests of the tests to the EMR server: clusters and steps, their ends, and their logs."""

from __future__ import annotations

import gzip
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_emr.literals import ActionOnFailureType
    from mypy_boto3_emr.type_defs import ClusterTypeDef, StepConfigTypeDef, StepTypeDef
    from mypy_boto3_s3 import S3Client

ENDED = ("TERMINATED", "TERMINATED_WITH_ERRORS")
STEP_ENDED = ("COMPLETED", "CANCELLED", "FAILED", "INTERRUPTED")
BUCKET = "verger-test"
JAR = "command-runner.jar"


def step(name: str, *args: str, on_failure: ActionOnFailureType = "CONTINUE", jar: str = JAR) -> StepConfigTypeDef:
    return {"Name": name, "ActionOnFailure": on_failure, "HadoopJarStep": {"Jar": jar, "Args": list(args)}}


def shell(name: str, script: str, on_failure: ActionOnFailureType = "CONTINUE") -> StepConfigTypeDef:
    return step(name, "bash", "-c", script, on_failure=on_failure)


def request(name: str, *steps: StepConfigTypeDef, keep_alive: bool = False, **more: Any) -> dict[str, Any]:
    """Return a valid RunJobFlow request."""
    return {
        "Name": name,
        "ReleaseLabel": "emr-spark-8.1.0",
        "LogUri": f"s3://{BUCKET}/logs/",
        "Applications": [{"Name": "Spark"}],
        "ServiceRole": "EMR_DefaultRole_V2",
        "JobFlowRole": "EMR_EC2_DefaultRole",
        "Instances": {
            "InstanceGroups": [
                {"Name": "Primary", "InstanceRole": "MASTER", "InstanceType": "m6g.xlarge", "InstanceCount": 1},
                {"Name": "Core", "InstanceRole": "CORE", "InstanceType": "m6g.xlarge", "InstanceCount": 2},
            ],
            "KeepJobFlowAliveWhenNoSteps": keep_alive,
        },
        "Steps": list(steps),
        **more,
    }


def start(emr: EMRClient, name: str, *steps: StepConfigTypeDef, **more: Any) -> str:
    return emr.run_job_flow(**request(name, *steps, **more))["JobFlowId"]


def wait_cluster(emr: EMRClient, cluster_id: str, *states: str, seconds: float = 300) -> ClusterTypeDef:
    """Wait until the cluster is in one of `states` (default: ended); return it."""
    wanted = states or ENDED
    deadline = time.monotonic() + seconds
    while True:
        cluster = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
        state = cluster["Status"]["State"]
        if state in wanted:
            return cluster
        assert state not in ENDED, f"{cluster_id} ended instead of {wanted}: {cluster['Status']}"
        assert time.monotonic() < deadline, f"{cluster_id} still {state} after {seconds} s"
        time.sleep(0.05)


def wait_step(emr: EMRClient, cluster_id: str, step_id: str, *states: str, seconds: float = 300) -> StepTypeDef:
    """Wait until the step is in one of `states` (default: ended); return it."""
    wanted = states or STEP_ENDED
    deadline = time.monotonic() + seconds
    while True:
        found = emr.describe_step(ClusterId=cluster_id, StepId=step_id)["Step"]
        state = found["Status"]["State"]
        if state in wanted:
            return found
        assert state not in STEP_ENDED, f"{step_id} ended instead of {wanted}: {found['Status']}"
        assert time.monotonic() < deadline, f"{step_id} still {state} after {seconds} s"
        time.sleep(0.05)


def step_states(emr: EMRClient, cluster_id: str) -> dict[str, str]:
    """Return the state by step name, in the order of submission."""
    steps = emr.list_steps(ClusterId=cluster_id)["Steps"]
    return {found["Name"]: found["Status"]["State"] for found in reversed(steps)}


def reason(cluster: ClusterTypeDef) -> tuple[str, str, str]:
    """Return state, reason code and reason message."""
    status = cluster["Status"]
    return status["State"], status["StateChangeReason"]["Code"], status["StateChangeReason"]["Message"]


def log_text(s3: S3Client, uri: str) -> str:
    """Return the text of a gzipped log on S3."""
    parts = urlsplit(uri)
    body: bytes = s3.get_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))["Body"].read()
    return gzip.decompress(body).decode()


def step_log(s3: S3Client, cluster_id: str, step_id: str, stream: str) -> str:
    return log_text(s3, f"s3://{BUCKET}/logs/{cluster_id}/steps/{step_id}/{stream}.gz")
