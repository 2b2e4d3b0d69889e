"""The subreaper ends everything that its command started."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from local_aws.processes.cluster import MARKER, cluster_processes

SUBREAPER = Path(__file__).parents[3] / "local_aws" / "node" / "subreaper.py"
TREE = "setsid sh -c 'setsid sleep 308 & sleep 309' & (trap '' TERM; sleep 310) & wait"


def subreaper(name: str, *command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", str(SUBREAPER), *command],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", MARKER: name},
        start_new_session=True,
    )


def wait_for(name: str, count: int) -> None:
    deadline = time.monotonic() + 300
    while len(cluster_processes(name)) < count:
        assert time.monotonic() < deadline, f"{len(cluster_processes(name))} processes, expected {count}"
        time.sleep(0.02)


@pytest.mark.parametrize(("order", "name"), [(b"K", "kill"), (b"T", "terminate"), (b"", "server ended")])
def test_all_descendants_are_ended(order: bytes, name: str) -> None:
    process = subreaper(name, "sh", "-c", TREE)
    wait_for(name, 6)
    assert process.stdin is not None
    process.stdin.write(order)
    process.stdin.close()
    assert process.wait(60) > 128
    assert cluster_processes(name) == []


@pytest.mark.parametrize(("command", "code"), [("exit 0", 0), ("exit 42", 42), ("kill -9 $$", 137)])
def test_the_exit_code_is_that_of_the_command(command: str, code: int) -> None:
    assert subreaper("code", "sh", "-c", command).wait(60) == code


def test_a_command_that_is_not_installed() -> None:
    process = subreaper("none", "no-such-command")
    assert process.wait(60) == 127
    assert process.stderr is not None
    assert process.stderr.read() == b"no-such-command: No such file or directory\n"
