"""What the tests of the EMR server ask of it: clusters, steps, and their ends."""

from __future__ import annotations

import gzip
import time
from typing import Any
from urllib.parse import urlsplit

ENDED = ("TERMINATED", "TERMINATED_WITH_ERRORS")
STEP_ENDED = ("COMPLETED", "CANCELLED", "FAILED", "INTERRUPTED")
BUCKET = "verger-test"


def step(name: str, *args: str, on_failure: str = "CONTINUE", jar: str = "command-runner.jar") -> dict[str, Any]:
    return {"Name": name, "ActionOnFailure": on_failure, "HadoopJarStep": {"Jar": jar, "Args": list(args)}}


def shell(name: str, script: str, on_failure: str = "CONTINUE") -> dict[str, Any]:
    return step(name, "bash", "-c", script, on_failure=on_failure)


def request(name: str, *steps: dict[str, Any], keep_alive: bool = False, **more: Any) -> dict[str, Any]:
    """A RunJobFlow that EMR takes."""
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


def start(emr: Any, name: str, *steps: dict[str, Any], **more: Any) -> str:
    job_flow_id: str = emr.run_job_flow(**request(name, *steps, **more))["JobFlowId"]
    return job_flow_id


def wait_cluster(emr: Any, cluster_id: str, *states: str, seconds: float = 30) -> dict[str, Any]:
    """The cluster once it is in one of `states` (default: ended)."""
    wanted = states or ENDED
    deadline = time.monotonic() + seconds
    while True:
        cluster: dict[str, Any] = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
        state = cluster["Status"]["State"]
        if state in wanted:
            return cluster
        assert state not in ENDED, f"{cluster_id} ended instead of {wanted}: {cluster['Status']}"
        assert time.monotonic() < deadline, f"{cluster_id} still {state} after {seconds} s"
        time.sleep(0.05)


def wait_step(emr: Any, cluster_id: str, step_id: str, *states: str, seconds: float = 30) -> dict[str, Any]:
    """The step once it is in one of `states` (default: ended)."""
    wanted = states or STEP_ENDED
    deadline = time.monotonic() + seconds
    while True:
        found: dict[str, Any] = emr.describe_step(ClusterId=cluster_id, StepId=step_id)["Step"]
        state = found["Status"]["State"]
        if state in wanted:
            return found
        assert state not in STEP_ENDED, f"{step_id} ended instead of {wanted}: {found['Status']}"
        assert time.monotonic() < deadline, f"{step_id} still {state} after {seconds} s"
        time.sleep(0.05)


def step_states(emr: Any, cluster_id: str) -> dict[str, str]:
    """Step name to state, in the order of submission."""
    steps = emr.list_steps(ClusterId=cluster_id)["Steps"]
    return {found["Name"]: found["Status"]["State"] for found in reversed(steps)}


def reason(cluster: dict[str, Any]) -> tuple[str, str, str]:
    """State, reason code and reason message."""
    status = cluster["Status"]
    return status["State"], status["StateChangeReason"]["Code"], status["StateChangeReason"]["Message"]


def log_text(s3: Any, uri: str) -> str:
    """A gzipped log on S3."""
    parts = urlsplit(uri)
    body: bytes = s3.get_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))["Body"].read()
    return gzip.decompress(body).decode()


def step_log(s3: Any, cluster_id: str, step_id: str, stream: str) -> str:
    return log_text(s3, f"s3://{BUCKET}/logs/{cluster_id}/steps/{step_id}/{stream}.gz")
