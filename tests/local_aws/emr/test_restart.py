"""Clusters, objects and processes after the servers stop, are killed, and start again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local_aws.processes.cluster import cluster_processes
from local_aws.processes.identity import ProcessId
from local_aws.settings import REPOSITORY
from local_aws.stack import Stack
from tests.local_aws.clusters import reason, shell, start, step_states, wait_cluster, wait_step
from tests.local_aws.conftest import DEV_PYTHON, local_aws, started
from tests.local_aws.emr.test_steps import until
from tests.ports import free_ports

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A separate stack, which these tests stop and kill."""
    with started(tmp_path_factory.mktemp("own")) as stack:
        yield stack


def pid(stack: Stack, server: str) -> int:
    return int(stack.status()[server]["pid"])


def busy_and_idle(emr: EMRClient) -> tuple[str, str]:
    """Start a cluster that runs a step with a tree of processes, and a cluster that waits."""
    busy = start(emr, "busy", shell("tree", "setsid sleep 306 & sleep 307"), shell("next", "true"))
    idle = start(emr, "idle", shell("done", "echo kept > $HOME/kept"), keep_alive=True)
    wait_cluster(emr, idle, "WAITING")
    until(lambda: len(cluster_processes(busy)) >= 4, "the tree runs")
    return busy, idle


def check_after(emr: EMRClient, busy: str, idle: str) -> None:
    """Check that the busy cluster has ended with a reason, and that the idle one runs a new step."""
    state, code, message = reason(wait_cluster(emr, busy))
    assert (state, code) == ("TERMINATED_WITH_ERRORS", "INTERNAL_ERROR")
    assert "EMR server was stopped while the cluster was RUNNING" in message
    assert step_states(emr, busy) == {"tree": "INTERRUPTED", "next": "CANCELLED"}
    assert emr.describe_cluster(ClusterId=idle)["Cluster"]["Status"]["State"] == "WAITING"
    [step_id] = emr.add_job_flow_steps(JobFlowId=idle, Steps=[shell("more", "grep kept $HOME/kept")])["StepIds"]
    assert wait_step(emr, idle, step_id)["Status"]["State"] == "COMPLETED"
    emr.terminate_job_flows(JobFlowIds=[idle])
    wait_cluster(emr, idle)


def test_a_killed_server_leaves_no_process_and_can_be_started_again(own: Stack) -> None:
    emr = own.client("emr")
    busy, idle = busy_and_idle(emr)
    os.kill(pid(own, "emr"), signal.SIGKILL)
    until(lambda: cluster_processes(busy) == [], "the subreaper sees that the server has ended, and ends the tree")
    local_aws("up", "--state", str(own.settings.state))
    check_after(emr, busy, idle)


def test_down_and_up(own: Stack) -> None:
    emr, s3 = own.client("emr"), own.client("s3")
    s3.create_bucket(Bucket="kept")
    keys = [f"Pomme é {number}/a b+c%20#?.jpg" for number in range(50)]
    for key in keys:
        s3.put_object(Bucket="kept", Key=key, Body=key.encode())
    busy, idle = busy_and_idle(emr)
    before = {own.status()[server]["pid"] for server in ("s3", "emr")}
    local_aws("down", "--state", str(own.settings.state))
    assert cluster_processes(busy) == []
    assert [process for process in before if ProcessId.of(process)] == [], "a zombie does not run"
    assert {server["pid"] for server in own.status().values()} == {None}
    table = local_aws("status", "--state", str(own.settings.state)).stdout.splitlines()
    shown = {line.split()[0]: line for line in table}
    assert "INTERRUPTED" in shown[busy], "the table shows no RUNNING without a server"
    assert "was RUNNING when the EMR server ended" in shown[busy]
    assert "PAUSED" in shown[idle]
    local_aws("up", "--state", str(own.settings.state))
    check_after(emr, busy, idle)
    for key in keys:
        assert s3.get_object(Bucket="kept", Key=key)["Body"].read() == key.encode()


def test_a_second_up_starts_no_server(own: Stack) -> None:
    before = own.status()
    local_aws("up", "--state", str(own.settings.state))
    assert own.status() == before


def test_down_does_not_end_another_process_with_the_same_pid(own: Stack) -> None:
    """A process with another start time is another process."""
    recorded = own.settings.state / "processes.json"
    original = recorded.read_text()
    other = {"pid": os.getpid(), "started": 1.0}
    recorded.write_text(json.dumps({"emr": other, "s3": other}))
    try:
        local_aws("down", "--state", str(own.settings.state))
        assert {server["pid"] for server in own.status().values()} == {None}
    finally:
        recorded.write_text(original)


def running(state: Path) -> list[str]:
    """Return the command lines that contain a state folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in found if str(state) in line]


@pytest.mark.parametrize(("server", "offset"), [("S3", 3), ("EMR", 8)])
def test_ports_in_use_are_an_error(tmp_path: Path, server: str, offset: int) -> None:
    first = free_ports()
    with socket.create_server(("127.0.0.1", first + offset)):
        ports = ("--s3-port", str(first), "--emr-port", str(first + 8))
        answer = local_aws("up", "--state", str(tmp_path), *ports, check=False)
    assert running(tmp_path) == []
    assert answer.returncode == 1
    [line] = answer.stderr.splitlines()
    assert f"port {first + offset}, for the {server} server: Address already in use" in line
    assert "python -m local_aws up --s3-port N --emr-port M" in line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_up_leaves_no_process(number: int, tmp_path: Path) -> None:
    first = free_ports()
    ports = ["--s3-port", str(first), "--emr-port", str(first + 8)]
    # A shell starts background processes, which these tests may be, with SIGINT ignored, and children inherit that.
    with_sigint = ["env", "--default-signal=INT"]
    command = [*with_sigint, str(DEV_PYTHON), "-m", "local_aws", "up", "--state", str(tmp_path), *ports]
    with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.DEVNULL) as process:
        until(lambda: Stack(tmp_path).status()["s3"]["pid"] is not None, "the S3 server is started")
        process.send_signal(number)
    assert process.returncode == 130
    assert running(tmp_path) == []
