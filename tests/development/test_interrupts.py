"""A test run, and `make up`, that SIGTERM ends: no process of their S3 and EMR servers, or of Airflow, is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.places import ROOT, environment_python
from tests.ports import free_ports

AIRFLOW_HOME = {"AIRFLOW_HOME": str(ROOT / ".verger" / "airflow-test")}


def processes(folder: Path, text: str = "") -> list[str]:
    """Return the command lines of the running processes that name the folder and the text."""
    lines = {
        " ".join(process.info["cmdline"] or ()): process.info["status"]
        for process in psutil.process_iter(["cmdline", "status"])
    }
    return [
        line
        for line, status in lines.items()
        if str(folder) in line and text in line and status != psutil.STATUS_ZOMBIE
    ]


def ended_by(number: int, command: list[str], when: Callable[[], bool], **environment: str) -> tuple[int, str]:
    """Start a command, send it the signal as soon as `when` is true, and return its exit code and its output."""
    # Ignored signals are inherited: a shell starts background processes with SIGINT ignored.
    with subprocess.Popen(
        ["env", "--default-signal=INT", *command],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        deadline = time.monotonic() + 300
        while not when():
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(number)
        output, _ = process.communicate(timeout=300)
    return process.returncode, output


@pytest.mark.parametrize(
    ("environment", "tests", "server"),
    [
        ("dev", "tests/local_aws/emr/test_listing.py", "local_aws.emr.server"),
        ("dev", "tests/local_aws/emr/test_listing.py", "weed"),  # while the stack is starting
        ("airflow-test", "tests/plugins/publication/test_commit.py", "local_aws.emr.server"),
    ],
)
def test_tests_that_are_terminated_leave_no_server(environment: str, tests: str, server: str, tmp_path: Path) -> None:
    base = tmp_path / "base"
    command = [
        str(environment_python(environment)),
        "-m",
        "pytest",
        tests,
        f"--basetemp={base}",
        "-p",
        "no:cacheprovider",
    ]
    code, output = ended_by(signal.SIGTERM, command, lambda: bool(processes(base, server)), **AIRFLOW_HOME)
    assert code == pytest.ExitCode.INTERRUPTED, output
    assert processes(base) == []


def test_a_development_stack_that_is_terminated_while_it_starts_leaves_no_process(tmp_path: Path) -> None:
    state, first = tmp_path / "up", free_ports(12)
    ports = [
        f"--{name}-port={first + number}" for name, number in (("s3", 0), ("emr", 8), ("airflow", 9), ("history", 10))
    ]
    command = [sys.executable, "-m", "development", "up", f"--state={state}", "--photos=1", *ports]
    code, output = ended_by(signal.SIGTERM, command, lambda: bool(processes(state, "local_aws.emr.server")))
    assert code == 130, output
    assert processes(state) == []
