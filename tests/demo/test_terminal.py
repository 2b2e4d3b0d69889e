"""`make demo` at a terminal: error messages, Ctrl-C, and the local AWS that ran before."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from rich.markup import render

import demo.__main__ as program
from demo.airflow_run import terminal_line
from demo.summary import seconds_by_task
from local_aws.stack import Stack
from sample_photos.orchard import draw_orchard
from tests.places import ROOT, STATE, of_long_form
from tests.ports import free_ports
from verger_contract.report import TaskFacts

DEMO = """
import sys
from pathlib import Path
import demo.__main__ as demo
from local_aws.stack import Stack
state, port, *sys.argv[1:] = sys.argv[1:]
demo.STATE = Path(state)
demo.Stack = lambda: Stack(demo.STATE / "aws", s3_port=int(port), emr_port=int(port) + 8)
sys.exit(demo.main())
"""


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """The stack of a demo. It is not up."""
    (tmp_path / "state").mkdir()
    (STATE / "node").mkdir(parents=True, exist_ok=True)
    (tmp_path / "state" / "node").symlink_to(STATE / "node")
    first = free_ports()
    stack = Stack(tmp_path / "state" / "aws", s3_port=first, emr_port=first + 8)
    yield stack
    stack.down()


def demo(stack: Stack, *arguments: str) -> subprocess.Popen[str]:
    """`python -m demo` in a session of its own, with its state beside that of the stack."""
    return subprocess.Popen(
        [sys.executable, "-c", DEMO, str(stack.settings.state.parent), str(stack.settings.s3_port), *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def running(folder: Path) -> list[str]:
    """Return the command lines of processes with a folder in their arguments or their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes()
            if str(folder).encode() in command + (process / "environ").read_bytes():
                found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found


def until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def interrupt(process: subprocess.Popen[str]) -> str:
    """Press Ctrl-C three times; return the output of the demo."""
    for _ in range(3):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.3)
    return process.communicate(timeout=300)[0]


def test_an_interrupt_while_the_stack_comes_up_leaves_no_process(stack: Stack, tmp_path: Path) -> None:
    draw_orchard(tmp_path / "photos", 24)
    process = demo(stack, "--images", str(tmp_path / "photos"))
    until(lambda: stack.status()["s3"]["pid"] is not None, 120)
    output = interrupt(process)
    assert process.returncode == 130, output
    assert running(tmp_path) == []
    assert output.endswith("interrupted: all processes that the demo started have ended\n")


@of_long_form
def test_an_interrupt_during_a_step_ends_the_cluster_and_leaves_a_stack_that_ran_before(
    stack: Stack, tmp_path: Path
) -> None:
    draw_orchard(tmp_path / "photos", 24)
    stack.up()
    emr = stack.client("emr")
    process = demo(stack, "--images", str(tmp_path / "photos"))
    until(lambda: bool(emr.list_clusters(ClusterStates=["RUNNING"])["Clusters"]), 250)
    output = interrupt(process)
    assert process.returncode == 130, output
    assert output.endswith("interrupted: all processes that the demo started have ended\n")
    assert [cluster["Status"]["State"] for cluster in emr.list_clusters()["Clusters"]] == ["TERMINATED"]
    assert all(server["pid"] for server in stack.status().values())
    stack.down()
    assert running(tmp_path) == []


@pytest.mark.parametrize("name", ["[b]nowhere", "[/b]x", "a:apple:b\\"])
def test_names_with_brackets_are_shown_as_they_are(stack: Stack, tmp_path: Path, name: str) -> None:
    process = demo(stack, "--images", str(tmp_path / name))
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 1
    assert f"demo: error: IMAGES={tmp_path}/{name}: no such file or folder\n" in output
    assert running(tmp_path) == []


@pytest.mark.parametrize("limit", ["0", "abc", "-3", "1.5"])
def test_an_invalid_limit(stack: Stack, limit: str) -> None:
    process = demo(stack, f"--limit={limit}")
    output = process.communicate(timeout=300)[0]
    assert output == f"demo: error: LIMIT: expected a whole number of at least 1, found '{limit}'\n"
    assert process.returncode == 1


def test_the_error_of_a_failed_task_is_shown_once() -> None:
    error = "step s-1 is FAILED: [Errno 2] no such file\nsee the log"
    failed = {
        "event": "Task failed with exception",
        "logger": "task",
        "exception": [{"exc_value": error}, {"exc_value": "its cause"}],
    }
    line = terminal_line(failed)
    assert str(render(line)) == "  step s-1 is FAILED: [Errno 2] no such file\n  see the log"
    lines = {"event": "last lines of s3://b/stderr.gz:\nTraceback", "logger": "airflow.task.operators.verger.StepDone"}
    assert terminal_line(lines) == ""
    output = {"event": "two\nlines of [/b]", "logger": "verger.changes.inventory"}
    assert str(render(terminal_line(output))) == "  two\n  lines of [/b]"


def test_a_task_and_its_sensor_are_one_entry_of_the_summary() -> None:
    names = ["list_images", "create_cluster", "cluster_ready", "featurize", "featurize_done", "pca", "pca_done"]
    tasks = [TaskFacts(task=name, state="success", seconds=1.5, start=None, end=None) for name in names]
    seconds = seconds_by_task(tasks)
    assert list(seconds.items()) == [("list_images", 1.5), ("cluster", 3.0), ("featurize", 3.0), ("pca", 3.0)]


def test_servers_that_ran_before_stay_up(stack: Stack) -> None:
    stack.up()
    before = stack.status()
    with program.local_aws(Stack(stack.settings.state)):
        pass
    assert stack.status() == before


def test_only_the_servers_that_the_demo_started_are_ended(stack: Stack) -> None:
    stack.up()
    before = stack.status()
    os.kill(before["emr"]["pid"], signal.SIGKILL)
    until(lambda: stack.status()["emr"]["pid"] is None, 60)
    with program.local_aws(Stack(stack.settings.state)):
        assert stack.status()["emr"]["pid"] not in (None, before["emr"]["pid"])
    assert stack.status()["s3"] == before["s3"]
    assert stack.status()["emr"]["pid"] is None


def test_a_stack_that_comes_up_at_the_same_time_stays_up(stack: Stack) -> None:
    """The demo looks for running servers under the lock of the stack, not before."""
    with ThreadPoolExecutor() as pool:
        first = pool.submit(stack.up)
        until(lambda: stack.status()["s3"]["pid"] is not None, 60)
        with program.local_aws(Stack(stack.settings.state)):
            first.result()
    assert all(server["pid"] for server in stack.status().values())


def test_servers_that_another_process_has_started_since_stay_up(stack: Stack) -> None:
    with program.local_aws(Stack(stack.settings.state)):
        stack.down()
        stack.up()
        before = stack.status()
    assert stack.status() == before
