"""Processes of a development stack: checked, and ended by their identity, also by another process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from development.children import SUPERVISOR, Children, StartError
from local_aws.processes.identity import ProcessId

SLEEP = [sys.executable, "-c", "print('began', flush=True); import time; time.sleep(60)"]


def claimed(folder: Path) -> Children:
    children = Children(folder)
    children.claim()
    return children


def test_all_started_processes_are_ended(tmp_path: Path) -> None:
    children = claimed(tmp_path)
    children.start("one", SLEEP, os.environ, tmp_path)
    children.start("other", SLEEP, os.environ, tmp_path)
    processes = children.recorded()
    assert set(processes) == {SUPERVISOR, "one", "other"}
    children.check()
    children.end()
    assert not any(process.runs() for name, process in processes.items() if name != SUPERVISOR)
    assert not children.recorded()


def test_processes_that_an_ended_process_left_running_are_ended(tmp_path: Path) -> None:
    children = claimed(tmp_path)
    program = f"import subprocess; print(subprocess.Popen({SLEEP!r}).pid, flush=True)"
    children.start("parent", [sys.executable, "-c", program], os.environ, tmp_path)
    children._started["parent"].wait()
    orphan = ProcessId.of(int(next(word for word in children.tail("parent").split() if word.isdecimal())))
    assert orphan is not None
    children.end()
    deadline = time.monotonic() + 300
    while orphan.runs():  # SIGKILL takes effect later
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_process_that_ends_by_itself_is_an_error_with_its_last_lines(tmp_path: Path) -> None:
    children = claimed(tmp_path)
    children.start("brief", [sys.executable, "-c", "raise SystemExit('no such thing')"], os.environ, tmp_path)
    children._started["brief"].wait()
    with pytest.raises(StartError, match=r"(?s)brief ended \(exit code 1\).*no such thing"):
        children.check()
    with pytest.raises(StartError, match=r"again failed \(exit code 3\)"):
        children.run("again", [sys.executable, "-c", "raise SystemExit(3)"], os.environ, tmp_path)
    children.end()


def test_a_stack_has_one_supervisor(tmp_path: Path) -> None:
    children = claimed(tmp_path)
    with pytest.raises(StartError, match="already up"):
        Children(tmp_path).claim()
    children.end()
    claimed(tmp_path).end()


def test_the_next_supervisor_ends_the_processes_of_a_killed_one(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, signal, sys; from development.children import Children\n"
        f"children = Children(pathlib.Path({str(tmp_path)!r})); children.claim()\n"
        f"children.start('left', {SLEEP!r}, os.environ, pathlib.Path.cwd()); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program], check=False)
    left = Children(tmp_path).recorded()["left"]
    assert left.runs()
    claimed(tmp_path).end()
    assert not left.runs()
