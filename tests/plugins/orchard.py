"""A bucket whose photos change, and runs over it: the tasks of the DAG on a real S3 server.

Only the two Spark steps are replaced: by tests/plugins/played_steps.py. tests/spark_jobs tests the real ones.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.plugins.played_steps import featurize, pca, verify
from verger import checks, tasks
from verger.attempts import completed
from verger.changes.params import RunParams
from verger.changes.plan import Plan
from verger.context import RunContext
from verger.publication.commit import check_may_write
from verger.publication.vacuum import vacuum
from verger.s3 import artifacts, clients
from verger.settings import Settings
from verger.tables.parquet import Store
from verger_contract.keys import ATTEMPT_MARK, Run
from verger_contract.preprocessing import VERSION, Decoding
from verger_contract.verification.verdict import VERIFY_FEATURES, VERIFY_PCA

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TASKS = (
    *("list_images", "plan", "featurize", "verify_features", "check_features", "pca", "verify_pca"),
    *("check_projections", "publish", "vacuum"),
)
AUTO = RunParams(basis="auto", target_variance=0.9)


def write_artifacts(folder: Path, model: str) -> Path:
    """Write the manifest of an artifact set with a model of that name. These tests read no other file of the set."""
    files = {name: {"sha256": "0" * 64, "size": 1} for name in artifacts.REQUIRED}
    files[artifacts.MODEL] = {"sha256": hashlib.sha256(model.encode()).hexdigest(), "size": 1}
    folder.mkdir(parents=True, exist_ok=True)
    content = {"weights": "imagenet", "arch": "x86_64", "preprocessing": VERSION, "files": files}
    (folder / artifacts.MANIFEST).write_text(json.dumps(content))
    return folder


@dataclass
class Orchard:
    """The bucket of `settings`, and the current time of its runs."""

    settings: Settings
    client: S3Client
    folder: Path
    now: datetime = datetime(2026, 11, 24, 2, tzinfo=UTC)
    photos: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = Store(clients.filesystem(self.client), self.bucket)
        self.use_model("one")

    @property
    def bucket(self) -> str:
        return self.settings.storage.bucket

    def use_model(self, name: str) -> None:
        """Give the next runs another artifact set."""
        storage = replace(self.settings.storage, artifacts_dir=write_artifacts(self.folder / name, name))
        self.settings = replace(self.settings, storage=storage)

    def use_decoding(self, decoding: Decoding) -> None:
        """Give the next runs another value of VERGER_DECODING."""
        self.settings = replace(self.settings, featurize=replace(self.settings.featurize, decoding=decoding))

    def put(self, name: str, content: bytes) -> None:
        """Upload `images/<name>`."""
        self.client.put_object(Bucket=self.bucket, Key=f"images/{name}", Body=content)
        self.photos[f"images/{name}"] = content

    def delete(self, name: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=f"images/{name}")
        del self.photos[f"images/{name}"]

    def pass_days(self, days: float) -> None:
        self.now += timedelta(days=days)

    def readable(self) -> dict[str, bytes]:
        """Return what a full refresh would publish: content by path."""
        return {path: content for path, content in self.photos.items() if not content.startswith(b"bad")}

    def run(self, name: str, params: RunParams = AUTO) -> Plan:
        """Run all tasks."""
        return self.begin(name, params).finish()

    def begin(self, name: str, params: RunParams = AUTO) -> Running:
        # Like RunContext.of, but without two new clients for each run, which would take time.
        return Running(self, RunContext(Run(self.bucket, name), self.settings, self.client, self.store), params)

    def listing(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def json(self, key: str) -> Any:
        return json.loads(self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read())


@dataclass
class Running:
    """A run that is executed task by task: other things may happen in between, and it may stop after any task."""

    orchard: Orchard
    run_context: RunContext
    params: RunParams
    etag: str | None = None
    plan: Plan | None = None
    done: list[str] = field(default_factory=list)
    listed: dict[str, bytes] = field(default_factory=dict)
    seen: dict[str, bytes] = field(default_factory=dict)

    def use_decoding_of_now(self) -> None:
        """Give the tasks that are left the present VERGER_DECODING, as Airflow does for a retry."""
        settings = replace(self.run_context.settings, featurize=self.orchard.settings.featurize)
        self.run_context = replace(self.run_context, settings=settings)

    def expected(self) -> dict[str, bytes]:
        """Return what this run must publish: the listed photos without those that step 1 found changed or deleted."""
        work = {path for path, _ in self.run_context.store.versions(self.run_context.run.work)}
        return {
            path: content
            for path, content in self.listed.items()
            if not content.startswith(b"bad") and (path not in work or self.seen.get(path) == content)
        }

    def until(self, task: str) -> Running:
        """Continue up to and including `task`. A run with nothing to do skips all tasks but vacuum."""
        while not self.done or self.done[-1] != task:
            if not self._next():
                break
        return self

    def finish(self) -> Plan:
        self.until(TASKS[-1])
        assert self.plan is not None
        return self.plan

    def _next(self) -> bool:
        left = [task for task in self._tasks() if task not in self.done]
        if not left:
            return False
        actions: dict[str, Callable[[], Any]] = {
            "list_images": self._list,
            "plan": self._plan,
            "featurize": self._featurize,
            "verify_features": self._verify_features,
            "check_features": lambda: checks.check_features(self.run_context, self._planned),
            "pca": self._pca,
            "verify_pca": self._verify_pca,
            "check_projections": lambda: checks.check_projections(self.run_context, self._planned),
            "publish": self._publish,
            "vacuum": lambda: vacuum(
                self.run_context.client, self.run_context.run, self.run_context.settings.retention, self.orchard.now
            ),
        }
        actions[left[0]]()
        self.done.append(left[0])
        return True

    def _tasks(self) -> tuple[str, ...]:
        """Return the tasks that the DAG does not skip."""
        if self.plan is not None and not self.plan.work:
            return ("list_images", "plan", "vacuum")
        if self.plan is not None and self.plan.without_cluster:
            return ("list_images", "plan", "publish", "vacuum")
        return TASKS

    @property
    def _planned(self) -> Plan:
        assert self.plan is not None
        return self.plan

    def _list(self) -> None:
        self.listed = dict(self.orchard.photos)
        self.etag = tasks.list_images(self.run_context, self.orchard.now)

    def _plan(self) -> None:
        self.plan = tasks.plan(self.run_context, self.etag, self.params, self.orchard.now)

    def _featurize(self) -> None:
        check_may_write(
            self.run_context.client, self.run_context.run
        )  # as the operator does before it submits the step
        self.seen = dict(self.orchard.photos)
        featurize(self.run_context, self._planned)

    def _pca(self) -> None:
        check_may_write(self.run_context.client, self.run_context.run)
        pca(self.run_context, self.params.target_variance)

    def _verify_features(self) -> None:
        check_may_write(self.run_context.client, self.run_context.run)  # as the operator does before it submits
        completed(self.run_context, "featurize")
        verify(self.run_context, VERIFY_FEATURES)

    def _verify_pca(self) -> None:
        checks.prepare_projections_check(self.run_context, self._planned)
        verify(self.run_context, VERIFY_PCA, self.params.target_variance)

    def _publish(self) -> None:
        if self._planned.without_cluster:
            tasks.publish_without_cluster(self.run_context, self._planned, self.orchard.now)
            return
        built = artifacts.identity(self.run_context.client, self.run_context.settings.storage)
        staged = {"weights": "imagenet", "sha256": built.sha256}
        tasks.publish_run(self.run_context, self._planned, staged, self.orchard.now)


def run_prefixes(keys: list[str]) -> set[str]:
    """Return the runs that own any object except JSON files."""
    found = set()
    for key in keys:
        if key.startswith("runs/") and not key.endswith(".json"):
            found.add(key.split("/")[1])
        elif "run=" in key:
            found.add(key.split("run=")[1].split("/")[0].partition(ATTEMPT_MARK)[0])
    return found
