"""Access to Verger's pages for the tests, and the files of runs on S3 that the pages read."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import httpx
from fastapi.testclient import TestClient

from verger.s3.clients import write_json
from verger_contract.keys import Run
from verger_ui.addresses import DAG_ID
from verger_ui.sources.ttl_cache import TtlCache

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHECK: dict[str, Any] = {
    "name": "no path twice",
    "passed": True,
    "expected": "every path once",
    "found": "every path once",
}
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
    "model": {"weights": "imagenet", "sha256": "ab" * 32, "preprocessing": "2-exact"},
    "cost": {"node_hours": 0.5, "estimated_cost": 0.42, "currency": "EUR", "nodes": [], "explanation": "list prices"},
}


def scheduled_run(day: int) -> str:
    """Return the id of a scheduled run; a larger number is a later run."""
    return f"scheduled__20{26 + day // 336:02d}-{1 + day // 28 % 12:02d}-{1 + day % 28:02d}T01-00-00Z-{day:08x}"


@dataclass
class Pages:
    """`browser` may see the pages; `admin` may trigger runs; `s3` writes to the bucket."""

    browser: TestClient
    admin: TestClient
    s3: S3Client
    bucket: str

    def get(self, page: str = "", **how: Any) -> httpx.Response:
        answer: httpx.Response = self.browser.get(f"/verger/{page}", **how)
        return answer

    def text(self, page: str = "") -> str:
        """Return the text of an existing page."""
        answer = self.get(page)
        assert answer.status_code == 200, answer.text
        return answer.text

    def report(self, run: str, **values: Any) -> None:
        """Write report.json of a published run."""
        write_json(self.s3, self.bucket, Run(self.bucket, run).report_facts, REPORT | {"run": run} | values)

    def reports(self, runs: Iterable[str]) -> None:
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(self.report, runs))

    def puts(self, objects: Mapping[str, Any]) -> None:
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(self.put, objects.keys(), objects.values()))

    def put(self, key: str, value: Any) -> None:
        """Write an object: bytes as they are, any other value as JSON."""
        if isinstance(value, bytes):
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=value)
        else:
            write_json(self.s3, self.bucket, key, value)

    def log(self, cluster: str, step: str, stream: str, text: str) -> None:
        """Write a log as EMR does."""
        self.put(f"logs/{cluster}/steps/{step}/{stream}.gz", gzip.compress(text.encode()))

    def trigger(self, dag_run_id: str, state: str = "", conf: Mapping[str, Any] | None = None) -> None:
        """Create a run in Airflow, without a worker, in the given state."""
        body = {"dag_run_id": dag_run_id, "logical_date": None, "conf": dict(conf or {})}
        answer = self.admin.post("/api/v2/dags/fruit_features/dagRuns", json=body)
        assert answer.status_code == 200, answer.text
        if state:
            self.set_run(dag_run_id, state)

    def ended_runs(self, states: Mapping[str, str]) -> None:
        """Create ended runs in Airflow, by id and state."""
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
        self.clear_short_caches()

    def set_run(self, dag_run_id: str, state: str) -> None:
        """Set the state of a run, as the scheduler does."""
        from airflow.models.dagrun import DagRun
        from airflow.utils.session import create_session
        from sqlalchemy import update

        with create_session() as session:
            session.execute(update(DagRun).where(DagRun.run_id == dag_run_id).values(_state=state))
        self.clear_short_caches()

    def clear_short_caches(self) -> None:
        """Clear the caches of Airflow and of runs that have not ended, which expire in seconds."""
        from verger_ui.sources import airflow_runs, bucket

        airflow_runs.newest.cache_clear()
        bucket.bucket().unfinished = TtlCache(500, 5)

    def clear_all_caches(self) -> None:
        """Clear all caches, as in a new API server, but keep its S3 client."""
        from verger_ui.sources import bucket

        self.clear_short_caches()
        ours = bucket.bucket()
        vars(ours).update(vars(bucket.Bucket(ours.client, ours.name)))

    def set_task(self, dag_run_id: str, task: str, state: str) -> None:
        """Set the state of a task, as a worker does."""
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
    """The structure of a page: table rows as text, tags in their order, and all attributes."""

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
