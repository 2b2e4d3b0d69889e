"""What the tests do with Verger's pages, and what runs leave on S3 for them."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import httpx
from fastapi.testclient import TestClient

from verger.s3.clients import write_json
from verger_contract.keys import Run
from verger_ui.addresses import DAG_ID
from verger_ui.sources.ttl_cache import Remembered

CHECK = {"name": "no path twice", "passed": True, "expected": "every path once", "found": "every path once"}
REPORT: dict[str, Any] = {
    "published_at": "2026-11-24T02:30:00+00:00",
    "why": "7 new, 3 changed, 5 deleted",
    "photos": 702,
    "rejected": 4,
    "changes": {"listed": 706, "new": 7, "changed": 3, "deleted": 5},
    "k": 63,
    "explained_variance": 0.9011,
    "target_variance": 0.9,
    "basis_kept": True,
    "basis_reason": "the published one explains 0.9011",
    "photos_per_second": 95.3,
    "tasks": [
        {"task": "create_cluster", "state": "success", "seconds": 1.5},
        {"task": "featurize_done", "state": "success", "seconds": 21.0},
        {"task": "pca_done", "state": "success", "seconds": 19.1},
        {"task": "publish", "state": "success", "seconds": 0.4},
    ],
    "checks": {"features": [CHECK | {"detail": "", "counted": {}}]},
    "model": {"weights": "imagenet", "sha256": "ab" * 32},
    "cost": {"node_hours": 0.5, "estimated_cost": 0.42, "currency": "EUR", "nodes": [], "explanation": "list prices"},
}


def night(day: int) -> str:
    """The id of a nightly run, a later one for a larger number."""
    return f"scheduled__20{26 + day // 336:02d}-{1 + day // 28 % 12:02d}-{1 + day % 28:02d}T01-00-00Z-{day:08x}"


@dataclass
class Pages:
    """`browser` sees the pages; `farmer` may trigger runs; `s3` fills the bucket."""

    browser: TestClient
    farmer: TestClient
    s3: Any
    bucket: str

    def get(self, page: str = "", **how: Any) -> httpx.Response:
        return self.browser.get(f"/verger/{page}", **how)

    def text(self, page: str = "") -> str:
        """Of a page that is there."""
        answer = self.get(page)
        assert answer.status_code == 200, answer.text
        return answer.text

    def report(self, run: str, **values: Any) -> None:
        """What a published run leaves."""
        write_json(self.s3, self.bucket, Run(self.bucket, run).report_facts, REPORT | {"run": run} | values)

    def reports(self, runs: Iterable[str]) -> None:
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(self.report, runs))

    def puts(self, objects: Mapping[str, Any]) -> None:
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(self.put, objects.keys(), objects.values()))

    def put(self, key: str, value: Any) -> None:
        """An object: bytes as they are, anything else as JSON."""
        if isinstance(value, bytes):
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=value)
        else:
            write_json(self.s3, self.bucket, key, value)

    def log(self, cluster: str, step: str, stream: str, text: str) -> None:
        """A log as EMR keeps it."""
        self.put(f"logs/{cluster}/steps/{step}/{stream}.gz", gzip.compress(text.encode()))

    def trigger(self, dag_run_id: str, state: str = "", conf: Mapping[str, Any] | None = None) -> None:
        """A run of Airflow, which nobody works on, in the state that is asked for."""
        asked = {"dag_run_id": dag_run_id, "logical_date": None, "conf": dict(conf or {})}
        answer = self.farmer.post("/api/v2/dags/fruit_features/dagRuns", json=asked)
        assert answer.status_code == 200, answer.text
        if state:
            self.set_run(dag_run_id, state)

    def nights(self, states: Mapping[str, str]) -> None:
        """Runs of Airflow that ended long ago, by id and state."""
        from airflow.models.dagrun import DagRun
        from airflow.utils.session import create_session
        from airflow.utils.types import DagRunType
        from sqlalchemy import insert

        at = datetime(2026, 1, 1, tzinfo=UTC)
        rows = [
            {
                **{"dag_id": DAG_ID, "run_id": run, "state": state, "run_type": DagRunType.SCHEDULED},
                **{
                    "start_date": at + timedelta(hours=hour),
                    "run_after": at,
                    "end_date": at + timedelta(hours=hour, minutes=20),
                },
                **{"clear_number": 0, "conf": {}},
            }
            for hour, (run, state) in enumerate(states.items())
        ]
        with create_session() as session:
            session.execute(insert(DagRun.__table__), rows)
        self.forget()

    def set_run(self, dag_run_id: str, state: str) -> None:
        """As if the scheduler had left the run so."""
        from airflow.models.dagrun import DagRun
        from airflow.utils.session import create_session
        from sqlalchemy import update

        with create_session() as session:
            session.execute(update(DagRun).where(DagRun.run_id == dag_run_id).values(_state=state))
        self.forget()

    def forget(self) -> None:
        """What the pages remember of Airflow and of runs that are not over, as if they were looked at later."""
        from verger_ui.sources import airflow_runs, bucket

        airflow_runs.newest.cache_clear()
        bucket.bucket().unfinished = Remembered(500, 5)

    def forget_everything(self) -> None:
        """As in an API server that has just started, but for its client of S3."""
        from verger_ui.sources import bucket

        self.forget()
        ours = bucket.bucket()
        vars(ours).update(vars(bucket.Bucket(ours.client, ours.name)))

    def set_task(self, dag_run_id: str, task: str, state: str) -> None:
        """As if a worker had left the task so."""
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.session import create_session
        from sqlalchemy import update

        with create_session() as session:
            session.execute(
                update(TaskInstance)
                .where(TaskInstance.run_id == dag_run_id, TaskInstance.task_id == task)
                .values(state=state)
            )


class Outline(HTMLParser):
    """Of a page: rows of cells as text, the tags in their order, and all attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self._in_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] = " ".join(f"{self.rows[-1][-1]} {data}".split())

    def links(self) -> list[str]:
        return [str(value) for tag, name, value in self.attributes if (tag, name) == ("a", "href")]
