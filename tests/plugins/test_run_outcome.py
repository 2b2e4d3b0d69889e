"""How a run has ended follows from the states of its tasks and from the facts in the bucket."""

from __future__ import annotations

import itertools

import pytest

from verger.run_outcome import RunEnd, outcome

TASKS = [
    *("run_or_roll_back", "list_images", "anything_to_do", "stage_artifacts", "create_cluster", "cluster_ready"),
    *("featurize", "featurize_done", "check_features", "pca", "pca_done", "terminate_cluster", "check_projections"),
    *("publish", "rollback"),
]
NATURAL = {**dict.fromkeys(TASKS, "success"), "rollback": "skipped", "publish_without_cluster": "skipped"}
WITHOUT_CLUSTER = {
    **dict.fromkeys(TASKS, "skipped"),
    **dict.fromkeys(("run_or_roll_back", "list_images", "anything_to_do"), "success"),
}


def ended(task: str, state: str, after: str) -> dict[str, str]:
    """Return the states when one task has `state`, and all tasks after it but the teardown have `after`."""
    later = TASKS[TASKS.index(task) + 1 :]
    return NATURAL | dict.fromkeys(later, after) | {task: state, "terminate_cluster": "success"}


def test_a_published_run_succeeds() -> None:
    found = outcome(RunEnd(NATURAL, published=True))
    assert (found.succeeded, found.text) == (True, "the run is published")


def test_a_run_with_nothing_to_do_succeeds() -> None:
    states = ended("anything_to_do", "success", "skipped") | {"terminate_cluster": "skipped"}
    found = outcome(RunEnd(states, nothing_to_do=True))
    assert (found.succeeded, found.text) == (True, "nothing to do")


def test_a_run_that_waits_for_photos_succeeds_and_says_why() -> None:
    states = ended("anything_to_do", "success", "skipped") | {"terminate_cluster": "skipped"}
    found = outcome(RunEnd(states, nothing_to_do=True, waits="waits for more photos: 12 of 500"))
    assert (found.succeeded, found.text) == (
        True,
        "nothing to do yet: the run waits for more photos: 12 of 500",
    )


def test_a_run_without_a_cluster_succeeds_when_it_is_published() -> None:
    states = WITHOUT_CLUSTER | {"publish_without_cluster": "success"}
    assert outcome(RunEnd(states, published=True, without_cluster=True)).succeeded


def test_a_run_without_a_cluster_that_published_nothing_names_the_task() -> None:
    states = WITHOUT_CLUSTER | {"publish_without_cluster": "failed"}
    errors = {"publish_without_cluster": "replaced"}
    found = outcome(RunEnd(states, without_cluster=True, errors=errors))
    assert (found.succeeded, found.stopped, found.task) == (False, False, "publish_without_cluster")
    skipped = outcome(RunEnd(WITHOUT_CLUSTER | {"publish_without_cluster": "skipped"}, without_cluster=True))
    assert (skipped.stopped, skipped.task) == (True, "publish_without_cluster")


def test_a_rollback_succeeds_when_its_snapshot_is_current() -> None:
    states = dict.fromkeys(TASKS, "skipped") | {"run_or_roll_back": "success", "rollback": "success"}
    assert outcome(RunEnd(states, rolled_back=True, rollback_to="run-1")).text == "rolled back to run-1"
    assert not outcome(RunEnd(states, rolled_back=False, rollback_to="run-1")).succeeded


@pytest.mark.parametrize("task", [task for task in TASKS[:-1] if task != "terminate_cluster"])
def test_a_run_that_is_marked_as_failed_was_stopped_in_its_running_task(task: str) -> None:
    found = outcome(RunEnd(ended(task, "failed", "skipped") | {"rollback": "skipped"}))
    if task == "publish":  # no task after it shows that the run was marked
        assert found.text.startswith("publish failed without an error: its process was killed, or a user marked")
    else:
        assert found.text.startswith(f"stopped by hand in {task}; nothing was published; to continue, clear {task} ")
        assert (found.stopped, found.task) == (True, task)
    assert not found.succeeded


@pytest.mark.parametrize("task", [task for task in TASKS[1:-1] if task != "terminate_cluster"])
def test_a_run_that_is_marked_between_two_tasks_was_stopped_before_the_next_one(task: str) -> None:
    found = outcome(RunEnd(ended(task, "skipped", "skipped")))
    assert not found.succeeded
    assert found.text.startswith(f"stopped by hand before {task}; nothing was published")


@pytest.mark.parametrize("task", [task for task in TASKS[:-1] if task != "terminate_cluster"])
def test_a_task_that_failed_by_itself_is_named_and_not_reported_twice(task: str) -> None:
    states = ended(task, "failed", "upstream_failed") | {"terminate_cluster": "success"}
    found = outcome(RunEnd(states, errors={task: "no such bucket"}))
    assert found.text.startswith(f"{task} failed; nothing was published; to continue, clear {task} ")
    assert (found.succeeded, found.stopped) == (False, False)


@pytest.mark.parametrize(
    ("error", "named"),
    [
        ("list_images has no result: marked as success; clear list_images with its downstream tasks", "list_images"),
        ("the data differ; clear anything_to_do and all that follows it", "anything_to_do"),
        ("clear create_cluster and the tasks downstream of it", "create_cluster"),
        ("the driver was ended by signal 15; clear this task with its downstream tasks", "publish"),
        ("a node was lost; clear this task: no answer", "publish"),
    ],
)
def test_the_task_that_the_error_says_to_clear_is_named(error: str, named: str) -> None:
    found = outcome(RunEnd(NATURAL | {"publish": "failed"}, errors={"publish": error}))
    assert found.text.startswith(f"publish failed; nothing was published; to continue, clear {named} with ")


def test_tasks_that_are_marked_as_success_publish_nothing() -> None:
    found = outcome(RunEnd(NATURAL))
    assert (found.succeeded, found.stopped) == (False, True)
    assert "a user marked publish as success before its end; nothing was published" in found.text
    assert found.text.endswith("to continue, clear publish with its downstream tasks, or start a new run")
    for end, task in (
        (RunEnd(NATURAL, rollback_to="run-1"), "rollback"),
        (RunEnd(NATURAL, without_cluster=True), "publish_without_cluster"),
    ):
        assert f"clear {task} with" in outcome(end).text


def test_a_task_that_did_not_run_after_another_one_was_cleared_alone_is_named() -> None:
    found = outcome(RunEnd(ended("cluster_ready", "success", "upstream_failed")))
    assert (found.succeeded, found.stopped, found.task) == (False, True, "featurize")
    assert found.text.startswith("featurize did not run, because a task before it had failed; nothing was published")
    assert "to continue, clear featurize with its downstream tasks" in found.text


def test_a_published_run_whose_cluster_was_not_terminated_fails() -> None:
    found = outcome(
        RunEnd(NATURAL | {"terminate_cluster": "failed"}, published=True, errors={"terminate_cluster": "-"})
    )
    assert not found.succeeded
    assert found.text.startswith("terminate_cluster failed; the run is published; to continue, clear terminate_cluster")


def test_a_plan_of_an_earlier_pass_does_not_count_when_its_task_did_not_run() -> None:
    found = outcome(RunEnd(ended("list_images", "failed", "skipped"), nothing_to_do=True))
    assert found.text.startswith("stopped by hand in list_images")


def test_no_states_of_the_tasks_are_a_success_without_a_fact() -> None:
    states = ("success", "failed", "skipped", "upstream_failed")
    for rollback_to, changed in itertools.product(("", "run-1"), itertools.product(states, repeat=4)):
        given = NATURAL | dict(zip(("anything_to_do", "featurize_done", "publish", "rollback"), changed, strict=True))
        assert not outcome(RunEnd(given, rollback_to=rollback_to)).succeeded
