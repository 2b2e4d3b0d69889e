"""A tree of processes ends by SIGTERM, a wait, and SIGKILL."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from local_aws.processes.identity import ProcessId, is_running
from local_aws.processes.tree import descendants, end_tree
from tests.local_aws.emr.test_steps import until

IGNORES_SIGTERM = "trap '' TERM; touch ready; while :; do sleep 0.05; done"
ENDS_ITS_CHILD = "sleep 320 & child=$!; trap 'kill $child; touch ended; exit 0' TERM; touch ready; wait"
LEAVES_A_SESSION = "setsid sleep 321 & sleep 322 & touch ready; wait"


def start(folder: Path, script: str) -> psutil.Popen:
    process = psutil.Popen(["bash", "-c", script], cwd=folder, start_new_session=True)
    until((folder / "ready").exists, "the script runs")
    return process


def test_a_root_ends_its_own_children_at_sigterm(tmp_path: Path) -> None:
    root = start(tmp_path, ENDS_ITS_CHILD)
    assert end_tree(root, grace_s=30) == []
    assert (tmp_path / "ended").exists()
    assert root.wait() == 0


def test_a_root_that_ignores_sigterm_is_killed_after_the_grace_period(tmp_path: Path) -> None:
    root = start(tmp_path, IGNORES_SIGTERM)
    began = time.monotonic()
    assert root in end_tree(root, grace_s=0.5)
    assert time.monotonic() - began >= 0.5
    assert root.wait() == -9


def test_a_descendant_in_another_session_is_killed_when_its_root_has_ended(tmp_path: Path) -> None:
    root = start(tmp_path, LEAVES_A_SESSION)
    until(lambda: len(root.children()) == 2, "both sleeps run")
    children = root.children()
    end_tree(root, grace_s=30)
    assert not any(map(is_running, children))
    root.wait()


def test_processes_in_the_session_of_an_ended_root_are_killed(tmp_path: Path) -> None:
    root = start(tmp_path, "sleep 323 & echo $! > pid; touch ready")
    root.wait()
    left = ProcessId.of(int((tmp_path / "pid").read_text()))
    assert left is not None
    assert [process.pid for process in end_tree(root, grace_s=30)] == [left.pid]
    assert not left.runs()


def test_no_grace_period_means_no_sigterm(tmp_path: Path) -> None:
    root = start(tmp_path, ENDS_ITS_CHILD)
    end_tree(root, grace_s=0)
    assert root.wait() == -9
    assert not (tmp_path / "ended").exists()


def test_poll_ends_the_grace_period(tmp_path: Path) -> None:
    root = start(tmp_path, IGNORES_SIGTERM)
    looks = iter([False, True])
    assert root in end_tree(root, grace_s=300, poll=lambda: next(looks, True))
    root.wait()


def test_descendants_are_all_processes_below_the_caller(tmp_path: Path) -> None:
    before = set(descendants())
    root = start(tmp_path, LEAVES_A_SESSION)
    until(lambda: len(root.children()) == 2, "both sleeps run")
    assert set(descendants()) - before == {root, *root.children()}
    end_tree(root, grace_s=0)
    root.wait()
    assert set(descendants()) - before == set()


@pytest.mark.parametrize("grace_s", [0, 30])
def test_a_tree_that_has_ended_is_no_error(tmp_path: Path, grace_s: float) -> None:
    root = start(tmp_path, "touch ready")
    root.wait()
    assert end_tree(root, grace_s=grace_s) == []
