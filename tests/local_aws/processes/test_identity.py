"""Identity of a process: pid and start time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from local_aws.processes.identity import ProcessId, is_running, running_processes
from tests.local_aws.emr.test_steps import until

ENDED_MAIN_THREAD = """
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
ctypes.CDLL(None).pthread_exit(None)
"""


@pytest.fixture
def process() -> Iterator[psutil.Popen]:
    started = psutil.Popen(["sleep", "324"])
    yield started
    started.kill()
    started.wait()


def test_a_pid_with_another_start_time_is_another_process(process: psutil.Popen) -> None:
    identity = ProcessId.of(process.pid)
    assert identity is not None
    assert identity.runs()
    assert identity.find() == process
    assert ProcessId(process.pid, identity.started + 1).find() is None


def test_an_identity_can_be_written_as_json(process: psutil.Popen) -> None:
    identity = ProcessId.of(process.pid)
    assert identity is not None
    assert ProcessId.from_json(identity.to_json()) == identity


def test_a_zombie_does_not_run(process: psutil.Popen) -> None:
    identity = ProcessId.of(process.pid)
    assert identity is not None
    process.kill()
    until(lambda: not identity.runs(), "the process has ended", 60)
    assert ProcessId.of(process.pid) is None, "it is a zombie until wait()"


def test_a_process_runs_until_its_last_thread_has_ended() -> None:
    """Its main thread has ended, and another thread may still listen on a port."""
    process = subprocess.Popen([sys.executable, "-c", ENDED_MAIN_THREAD])
    found = psutil.Process(process.pid)
    try:
        until(lambda: found.status() == psutil.STATUS_ZOMBIE, "the main thread has ended", 60)
        assert is_running(found)
    finally:
        process.kill()
    process.wait()
    assert not is_running(found)


def test_a_process_with_the_pid_of_an_ended_one_is_found(process: psutil.Popen) -> None:
    """psutil keeps objects of processes that it has listed; here one of them belongs to an earlier process."""
    earlier = next(found for found in psutil.process_iter() if found.pid == process.pid)
    vars(earlier)["_ident"] = (process.pid, 0.0)
    assert process.pid in {found.pid for found in running_processes()}
