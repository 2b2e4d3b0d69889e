"""Bootstrap actions run before the first step, as real processes, and a failure ends the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.local_aws.clusters import BUCKET, log_text, reason, shell, start, step_states, wait_cluster

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_s3 import S3Client


def action(name: str, path: str, *args: str) -> dict[str, Any]:
    return {"Name": name, "ScriptBootstrapAction": {"Path": path, "Args": list(args)}}


@pytest.fixture(scope="module")
def scripts(s3: S3Client) -> str:
    """A folder of scripts on S3."""
    for name, text in {
        "good.sh": '#!/bin/bash\nset -eu\necho "args:$1|$2"\necho "home:$HOME"\npython3.11 --version\n'
        f"aws s3 ls s3://{BUCKET}/boot/\necho made > $HOME/made\necho warn >&2\n",
        "bad.sh": "echo about to fail\necho no wheel for pandas >&2\nexit 3\n",
        "slow.sh": "#!/bin/bash\nsleep 300\n",
    }.items():
        s3.put_object(Bucket=BUCKET, Key=f"boot/{name}", Body=text.encode())
    return f"s3://{BUCKET}/boot"


def bootstrap_log(s3: S3Client, emr: EMRClient, cluster_id: str, number: int, stream: str) -> str:
    """Return a log at the key of EMR, with the id of the primary instance."""
    primary = emr.list_instances(ClusterId=cluster_id, InstanceGroupTypes=["MASTER"])["Instances"][0]["Ec2InstanceId"]
    return log_text(s3, f"s3://{BUCKET}/logs/{cluster_id}/node/{primary}/bootstrap-actions/{number}/{stream}.gz")


def test_runs_each_action_with_its_arguments_before_the_steps(emr: EMRClient, s3: S3Client, scripts: str) -> None:
    cluster_id = start(
        emr,
        "bootstrap",
        shell("sees what the action made", "test -f $HOME/made"),
        BootstrapActions=[
            action("one", f"{scripts}/good.sh", "a b", "c"),
            action("two", f"{scripts}/good.sh", "x", "y"),
        ],
    )
    cluster = wait_cluster(emr, cluster_id)
    assert reason(cluster) == ("TERMINATED", "ALL_STEPS_COMPLETED", "Steps completed")
    out = bootstrap_log(s3, emr, cluster_id, 1, "stdout")
    assert "args:a b|c\n" in out
    assert "Python 3.11" in out
    assert "bad.sh" in out, "aws on the node reaches the local S3"
    assert f"/nodes/{cluster_id}/home\n" in out, "each cluster has a home of its own"
    assert "args:x|y" in bootstrap_log(s3, emr, cluster_id, 2, "stdout")
    assert bootstrap_log(s3, emr, cluster_id, 1, "stderr") == "warn\n"
    listed = emr.list_bootstrap_actions(ClusterId=cluster_id)["BootstrapActions"]
    assert listed[0] == {"Name": "one", "ScriptPath": f"{scripts}/good.sh", "Args": ["a b", "c"]}


def test_failure_ends_the_cluster_and_its_steps_never_start(emr: EMRClient, s3: S3Client, scripts: str) -> None:
    cluster_id = start(
        emr,
        "bad bootstrap",
        shell("never", "true"),
        BootstrapActions=[action("bad", f"{scripts}/bad.sh")],
        keep_alive=True,
    )
    cluster = wait_cluster(emr, cluster_id)
    state, code, message = reason(cluster)
    assert (state, code) == ("TERMINATED_WITH_ERRORS", "BOOTSTRAP_FAILURE")
    assert "bootstrap action 1 returned a non-zero return code" in message
    assert "(3)" in message
    assert "ReadyDateTime" not in cluster["Status"]["Timeline"]
    assert step_states(emr, cluster_id) == {"never": "CANCELLED"}
    assert "no wheel for pandas" in bootstrap_log(s3, emr, cluster_id, 1, "stderr")


def test_a_missing_script_fails_the_cluster(emr: EMRClient, scripts: str) -> None:
    cluster_id = start(emr, "no script", BootstrapActions=[action("missing", f"{scripts}/missing.sh")])
    state, code, message = reason(wait_cluster(emr, cluster_id))
    assert (state, code) == ("TERMINATED_WITH_ERRORS", "BOOTSTRAP_FAILURE")
    assert "boot/missing.sh" in message


def test_termination_while_bootstrapping(emr: EMRClient, scripts: str) -> None:
    cluster_id = start(emr, "slow bootstrap", BootstrapActions=[action("slow", f"{scripts}/slow.sh")])
    wait_cluster(emr, cluster_id, "BOOTSTRAPPING")
    emr.terminate_job_flows(JobFlowIds=[cluster_id])
    assert reason(wait_cluster(emr, cluster_id)) == ("TERMINATED", "USER_REQUEST", "Terminated by user request")
