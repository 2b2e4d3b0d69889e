"""The facts of Airflow in a report, from a context made here; tests/dags has them from a real run."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from verger.report.airflow_facts import LONGEST, STARTED_AT, ended_tasks, failure, note_start

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)


class Instance(SimpleNamespace):
    """A task instance that keeps its XComs; these tests run without Airflow."""

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[self.task_id, key] = value

    def xcom_pull(self, task_ids: str, key: str) -> Any:
        return self.xcoms.get((task_ids, key))

    def get_task_breadcrumbs(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        assert (dag_id, run_id) == ("fruit_features", "scheduled.1")
        crumbs: list[dict[str, Any]] = self.crumbs
        return crumbs


@pytest.fixture
def context() -> Any:
    crumbs = [
        {"task_id": "publish", "state": "success", "duration": 2.04},
        {"task_id": "list_images", "state": "success", "duration": 60.0},
        {"task_id": "pca_done", "state": "failed", "duration": None},
        {"task_id": "rollback", "state": "skipped", "duration": None},
    ]
    order = [SimpleNamespace(task_id=name) for name in ("list_images", "rollback", "pca_done", "publish", "report")]
    instance = Instance(dag_id="fruit_features", task_id="list_images", start_date=NOW, crumbs=crumbs, xcoms={})
    return {"ti": instance, "run_id": "scheduled.1", "dag": SimpleNamespace(topological_sort=lambda: order)}


def test_tasks_are_in_the_order_of_the_dag_with_the_known_times(context: Any) -> None:
    note_start(context)
    context["ti"].start_date = NOW.replace(minute=1)  # as it resumes after the triggerer
    note_start(context)
    assert context["ti"].xcoms == {("list_images", STARTED_AT): "2026-11-24T02:00:00+00:00"}
    assert ended_tasks(context) == [
        {
            "task": "list_images",
            "state": "success",
            "seconds": 60.0,
            "start": "2026-11-24T02:00:00+00:00",
            "end": "2026-11-24T02:01:00+00:00",
        },
        {"task": "pca_done", "state": "failed", "seconds": 0.0, "start": None, "end": None},
        {"task": "publish", "state": "success", "seconds": 2.0, "start": None, "end": None},
    ]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("wrong"), "wrong"),
        (ValueError(), "ValueError()"),
        ("killed", "killed"),
        (None, "Airflow gives no reason"),
        (ValueError("x" * 9999), "x" * LONGEST),
    ],
)
def test_a_failure_names_the_task_and_its_error(error: Any, message: str, context: Any) -> None:
    found = failure(context | {"exception": error}, NOW)
    assert found == {"task": "list_images", "error": message, "at": "2026-11-24T02:00:00+00:00"}


SECRET = ValueError("connection s3://key:so-very-secret@host refused")


def test_secrets_in_an_error_are_masked(context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk._shared.secrets_masker import SecretsMasker, secrets_masker

    masker = SecretsMasker()
    masker.add_mask("so-very-secret")
    monkeypatch.setattr(secrets_masker, "_secrets_masker", lambda: masker)
    assert failure(context | {"exception": SECRET}, NOW)["error"] == "connection s3://key:***@host refused"


def test_without_airflows_masking_the_failure_is_recorded_and_its_message_left_out(
    context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a rename in Airflow."""
    monkeypatch.delattr("airflow.sdk.log.mask_logs")
    found = failure(context | {"exception": SECRET}, NOW)
    assert found["task"] == "list_images"
    assert found["error"].startswith("ValueError: the message is left out, because secrets in it cannot be masked")
    assert "so-very-secret" not in str(found)


def test_an_error_in_airflows_masking_does_not_lose_the_failure(context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise TypeError("other parameters")

    monkeypatch.setattr("airflow.sdk.log.mask_logs", fail)
    assert failure(context | {"exception": SECRET}, NOW)["error"].startswith("ValueError: the message is left out")
    assert "so-very-secret" not in failure(context | {"exception": "so-very-secret"}, NOW)["error"]
