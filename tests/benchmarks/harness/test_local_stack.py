"""Local AWS of a benchmark: whatever happens to the benchmark, both servers are ended."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psutil
import pytest

from benchmarks.harness.places import ROOT
from local_aws.stack import Stack
from tests.ports import free_ports

BENCHMARK = """
import json, subprocess, sys, time
from pathlib import Path
from benchmarks.harness import local_stack
from benchmarks.measuring import meter
state, port, body = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
with local_stack.local_stack(state, s3_port=port, emr_port=port + 8) as stack:
    store = local_stack.open_bucket(stack, "measured")
    print(json.dumps([server["pid"] for server in stack.status().values()]), flush=True)
    exec(body)
"""
MEASURED = """
command = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(600)"]
meter.run(command, {}, cwd=state, log=state / "command.log")
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    starter = Starter(tmp_path)
    yield starter
    for process in starter.processes:
        process.kill()
        process.wait()
    Stack(tmp_path).down()


class Starter:
    """Starts benchmarks with a stack of their own."""

    def __init__(self, state: Path) -> None:
        self.state, self.port = state, free_ports()
        self.processes: list[subprocess.Popen[str]] = []

    def __call__(self, body: str) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
        """Start a benchmark; the process, and both servers."""
        process = subprocess.Popen(
            [sys.executable, "-c", BENCHMARK, str(self.state), str(self.port), body],
            env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.processes.append(process)
        assert process.stdout is not None
        return process, [psutil.Process(pid) for pid in json.loads(_line(process.stdout, process))]


def _line(stream: IO[str], process: subprocess.Popen[str]) -> str:
    line = stream.readline()
    assert line, process.stderr.read() if process.stderr else ""
    return line


def running(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def test_an_error_ends_both_servers(start: Starter) -> None:
    process, servers = start("raise SystemExit('no features of this photo')")
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "no features of this photo" in stderr
    assert not any(running(server) for server in servers)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_servers_and_the_measured_command(start: Starter, tmp_path: Path, number: int) -> None:
    process, servers = start(MEASURED)
    output = tmp_path / "command.log.out"
    while not (output.exists() and output.read_text().strip()):
        assert process.poll() is None, process.communicate()
    command = psutil.Process(int(output.read_text()))
    process.send_signal(number)
    process.communicate(timeout=300)
    assert process.returncode == 128 + number
    assert not any(running(ended) for ended in (*servers, command))


def test_servers_that_a_killed_benchmark_left_are_ended_by_the_next_one(start: Starter) -> None:
    first, servers = start("time.sleep(600)")
    first.kill()
    first.wait()
    assert all(running(server) for server in servers)
    second, again = start("pass")
    second.communicate(timeout=300)
    assert second.returncode == 0
    assert again == servers
    assert not any(running(server) for server in servers)
