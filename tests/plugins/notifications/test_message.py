"""The texts of the notifications."""

from __future__ import annotations

from typing import Any

import pytest

from verger.notifications.message import LONGEST_SUBJECT, RunEnd, of_janitor, of_late_run, of_run
from verger_contract.cluster_end import ClusterEnd

CLUSTER: ClusterEnd = {
    "cluster": "j-1",
    "dag": "fruit_features",
    "dag_run": "manual__1",
    "run": "run-1",
    "launched_at": "2026-11-27T01:00:00+00:00",
    "requested_at": "2026-11-27T02:00:00+00:00",
    "reason": "DAG run manual__1 has ended",
}


def end(**values: Any) -> RunEnd:
    known: dict[str, Any] = {"run": "run-1", "dag_run": "manual__1", "succeeded": False, "published": False}
    return RunEnd(**known | values)


def test_a_failed_run_says_what_happened_in_which_task_and_what_readers_use() -> None:
    found = of_run(
        end(
            task="pca_done",
            error="pca step is FAILED: {{ too few photos }}",
            current="run-0",
            cost="0.50 node hours, about 0.12 EUR",
            report="s3://orchard/runs/run-1/report.html",
        )
    )
    assert found is not None
    assert found.subject == "Verger: run run-1 failed in pca_done"
    assert found.body.splitlines() == [
        "Run run-1 of the DAG fruit_features failed in pca_done.",
        "",
        "What happened: pca step is FAILED: {{ too few photos }}",
        "Published: no; readers still use the data of run run-0",
        "Cost: 0.50 node hours, about 0.12 EUR",
        "Report: s3://orchard/runs/run-1/report.html",
        "DAG run in Airflow: manual__1",
    ]


@pytest.mark.parametrize(
    ("run", "subject", "line"),
    [
        (end(), "run run-1 failed", "What happened: Airflow gives no reason"),
        (end(reason="task_failure"), "run run-1 failed", "What happened: task_failure"),
        (end(), "run run-1 failed", "Published: no; nothing is published"),
        (end(), "run run-1 failed", "Report: none was written; read the logs of the tasks in Airflow"),
        (
            end(stopped=True, task="featurize"),
            "run run-1 was stopped in featurize",
            "Published: no; nothing is published",
        ),
        (end(published=True, task="vacuum"), "run run-1 is published, but vacuum failed", "Published: yes"),
        (end(published=True), "run run-1 is published, but a task failed", "Published: yes"),
        (
            end(succeeded=True, published=True, warnings=["A.", "B."]),
            "run run-1 was published with 2 warnings",
            "- A.",
        ),
    ],
)
def test_a_message_for_each_end_of_a_run(run: RunEnd, subject: str, line: str) -> None:
    found = of_run(run)
    assert found is not None
    assert found.subject == f"Verger: {subject}"
    assert line in found.body.splitlines()


@pytest.mark.parametrize("published", [True, False])
def test_a_successful_run_without_warnings_sends_nothing(published: bool) -> None:
    assert of_run(end(succeeded=True, published=published)) is None


@pytest.mark.parametrize("run", ["x" * 300, "é\n" * 80, "run-1"])
def test_a_subject_is_what_sns_accepts(run: str) -> None:
    found = of_run(end(run=run))
    assert found is not None
    for subject in (found.subject, of_late_run(run, 60).subject):
        assert len(subject) <= LONGEST_SUBJECT
        assert subject.isascii()
        assert subject.isprintable()


def test_the_janitor_names_clusters_and_reasons() -> None:
    found = of_janitor([CLUSTER], ["cluster j-2: protected"], [])
    assert found is not None
    assert found.subject == "Verger: the janitor terminated 1 cluster"
    assert "Cluster j-1 (run run-1) was terminated: DAG run manual__1 has ended." in found.body
    assert "cluster j-2: protected" in found.body
    refused = of_janitor([], [], ["cluster j-3: EMR did not accept the termination"])
    assert refused is not None
    assert refused.subject == "Verger: EMR did not terminate a cluster"


def test_a_sweep_that_changed_nothing_sends_no_message() -> None:
    assert of_janitor([], ["cluster j-2: protected"], []) is None
    assert of_janitor([], [], []) is None
