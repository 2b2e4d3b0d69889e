"""What becomes of clusters, objects and processes when the servers stop, are killed, and come back."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_aws.processes import ProcessId, marked
from local_aws.stack import Stack
from tests.local_aws.clusters import reason, shell, start, step_states, wait_cluster, wait_step
from tests.local_aws.conftest import local_aws
from tests.local_aws.test_steps import until
from tests.ports import free_ports


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that these tests may stop and kill."""
    state = tmp_path_factory.mktemp("own")
    first = free_ports()
    local_aws("up", "--state", str(state), "--s3-port", str(first), "--emr-port", str(first + 8))
    yield Stack(state)
    local_aws("down", "--state", str(state))


def pid(stack: Stack, server: str) -> int:
    return int(stack.status()[server]["pid"])


def busy_and_idle(emr: Any) -> tuple[str, str]:
    """A cluster in the middle of a step with a tree of processes, and one that waits."""
    busy = start(emr, "busy", shell("tree", "setsid sleep 306 & sleep 307"), shell("next", "true"))
    idle = start(emr, "idle", shell("done", "echo kept > $HOME/kept"), keep_alive=True)
    wait_cluster(emr, idle, "WAITING")
    until(lambda: len(marked(busy)) >= 4, "the tree runs")
    return busy, idle


def check_after(emr: Any, busy: str, idle: str) -> None:
    """The busy one ended and says why; the idle one is as it was and takes work."""
    state, code, message = reason(wait_cluster(emr, busy))
    assert (state, code) == ("TERMINATED_WITH_ERRORS", "INTERNAL_ERROR")
    assert "EMR server was stopped while the cluster was RUNNING" in message
    assert step_states(emr, busy) == {"tree": "INTERRUPTED", "next": "CANCELLED"}
    assert emr.describe_cluster(ClusterId=idle)["Cluster"]["Status"]["State"] == "WAITING"
    [step_id] = emr.add_job_flow_steps(JobFlowId=idle, Steps=[shell("more", "grep kept $HOME/kept")])["StepIds"]
    assert wait_step(emr, idle, step_id)["Status"]["State"] == "COMPLETED"
    emr.terminate_job_flows(JobFlowIds=[idle])
    wait_cluster(emr, idle)


def test_killed_server_leaves_no_process_and_comes_back(own: Stack) -> None:
    emr = own.client("emr")
    busy, idle = busy_and_idle(emr)
    os.kill(pid(own, "emr"), signal.SIGKILL)
    until(lambda: marked(busy) == [], "the shepherd sees that the server died, and ends the tree")
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
    assert marked(busy) == []
    assert [process for process in before if ProcessId.of(process)] == [], "a zombie that nobody reaps is no process"
    assert {server["pid"] for server in own.status().values()} == {None}
    local_aws("up", "--state", str(own.settings.state))
    check_after(emr, busy, idle)
    for key in keys:
        assert s3.get_object(Bucket="kept", Key=key)["Body"].read() == key.encode()


def test_up_twice_starts_nothing_twice(own: Stack) -> None:
    before = own.status()
    local_aws("up", "--state", str(own.settings.state))
    assert own.status() == before


def test_down_does_not_end_a_stranger_with_a_recycled_pid(own: Stack) -> None:
    """A pid of a process that started at another time is not ours."""
    recorded = own.settings.state / "processes.json"
    original = recorded.read_text()
    stranger = {"pid": os.getpid(), "started": "1"}
    recorded.write_text(json.dumps({"emr": stranger, "s3": stranger}))
    try:
        local_aws("down", "--state", str(own.settings.state))
        assert {server["pid"] for server in own.status().values()} == {None}
    finally:
        recorded.write_text(original)


def test_ports_that_are_taken_say_so(own: Stack, tmp_path: Path) -> None:
    free = free_ports()
    taken = str(own.settings.emr_port)
    answer = local_aws("up", "--state", str(tmp_path), "--s3-port", str(free), "--emr-port", taken, check=False)
    local_aws("down", "--state", str(tmp_path))
    assert answer.returncode == 1
    assert "Address already in use" in answer.stderr
