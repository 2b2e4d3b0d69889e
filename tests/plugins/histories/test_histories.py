"""Random histories of a bucket: every publication equals that of a full refresh, row by row.

Photos are added, changed and deleted. Runs succeed, fail after any task, are repeated, and run concurrently. Snapshots
are rolled back to and unpublished. The model and the decoding change, and days pass.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import numpy
import pytest
from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import verger_reader
from tests.docs.queries import check_same_rows
from tests.plugins.orchard import TASKS, Orchard, Running, run_prefixes
from tests.plugins.played_steps import vector
from verger.changes.params import PlanError, RunParams
from verger.changes.rewrites import compaction
from verger.publication import commit, rollback
from verger.publication.commit import CommitConflictError, Current
from verger.publication.retention import needed
from verger.s3.errors import StorageError
from verger.settings import Settings
from verger_contract.preprocessing import VERSION, Decoding

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

EXAMPLES, STEPS = int(os.environ.get("VERGER_TEST_HISTORIES", "2")), 20
SNAPSHOT_DAYS, ERASURE_DAYS = 1, 5
NAMES = [f"{label}/{number}.jpg" for label in ("Kiwi", "Pêche 1", "柿") for number in range(3)]
CONTENTS = st.sampled_from([b"a", b"b", b"c", b"d", b"bad: not an image", b"bad: access denied"])
RARELY = st.sampled_from([False] * 5 + [True])
POLICIES = st.sampled_from(["auto", "auto", "refit", "reuse"])

Rows = dict[str, bytes]


class History(RuleBasedStateMachine):
    """`published` holds what readers must find: content by path; None before the first publication.

    `missed` and `unlisted` hold times by path: of the first run that publishes no vectors of a photo any more, and of
    the first run that does not list it any more. They differ for a photo that is rejected before it is deleted.
    """

    def __init__(self, orchard: Orchard) -> None:
        super().__init__()
        self.orchard = orchard
        self.ids = (f"run-{number}" for number in itertools.count())
        self.published: Rows | None = None
        self.snapshots: dict[str | None, Rows] = {}
        self.interrupted: list[Running] = []
        self.failed: list[Running] = []
        self.missed: dict[str, datetime] = {}
        self.unlisted: dict[str, datetime] = {}
        self.read_by_queries = ""
        """ETag of the last published.json that was also read by DuckDB and polars."""

    @initialize()
    def begin(self) -> None:
        """Add enough photos that a run with few changes keeps the other features."""
        for name in NAMES:
            self.orchard.put(name, name.encode())
        self._finish(self._begin("auto"))

    # ---- what users do ----

    @rule(name=st.sampled_from(NAMES), content=CONTENTS)
    def put(self, name: str, content: bytes) -> None:
        self.orchard.put(name, content)

    @rule(names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True), salt=st.binary(max_size=2))
    def put_several(self, names: list[str], salt: bytes) -> None:
        for name in names:
            self.orchard.put(name, name.encode() + salt)

    @precondition(lambda self: self.orchard.photos)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(sorted(self.orchard.photos)))
        self.orchard.delete(path.removeprefix("images/"))

    @rule(name=st.sampled_from(["one", "one", "one", "two"]))
    def use_model(self, name: str) -> None:
        self.orchard.use_model(name)

    @rule(decoding=st.sampled_from([Decoding.EXACT] * 3 + [Decoding.SCALED]))
    def use_decoding(self, decoding: Decoding) -> None:
        self.orchard.use_decoding(decoding)

    # ---- what runs do ----

    @rule(policy=POLICIES, full_refresh=RARELY)
    def run(self, policy: str, full_refresh: bool) -> None:
        self._finish(self._begin(policy, full_refresh=full_refresh and policy != "reuse"))

    @rule(deleted=st.sampled_from(NAMES), changed=st.sampled_from(NAMES), salt=st.binary(min_size=1, max_size=2))
    def run_after_small_changes(self, deleted: str, changed: str, salt: bytes) -> None:
        self.orchard.put(changed, changed.encode() + salt)
        if deleted != changed and f"images/{deleted}" in self.orchard.photos:
            self.orchard.delete(deleted)
        self._finish(self._begin("auto"))

    @rule(policy=POLICIES, task=st.sampled_from(TASKS[:-2]))
    def run_that_fails(self, policy: str, task: str) -> None:
        running = self._begin(policy)
        try:
            running.until(task)
        except (PlanError, StorageError, RuntimeError):
            self.failed.append(running)
            return
        self.interrupted.append(running)

    @precondition(lambda self: self.interrupted)
    @rule(data=st.data(), from_the_start=st.booleans())
    def go_on(self, data: st.DataObject, from_the_start: bool) -> None:
        running = self.interrupted.pop(data.draw(st.integers(0, len(self.interrupted) - 1)))
        if from_the_start:
            running = self.orchard.begin(running.run_context.run.id, running.params)
        running.use_decoding_of_now()
        self._finish(running)

    @precondition(lambda self: self.published is not None)
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        now = commit.current(self.orchard.client, self.orchard.bucket)
        assert now is not None
        kept = [old.run for old in now.publication.history if old.run]
        if not kept:
            return
        run = data.draw(st.sampled_from(kept))
        rollback.rollback(self.orchard.client, self.orchard.bucket, run, self.orchard.now)
        self.published = self.snapshots[run]
        self.missed.clear()  # a restored photo is missed again from the next run on
        self.unlisted.clear()

    @precondition(lambda self: self.published)
    @rule()
    def unpublish(self) -> None:
        rollback.unpublish(self.orchard.client, self.orchard.bucket, self.orchard.now)
        self._note_missed({}, {})
        self.published = self.snapshots[None] = {}

    @rule(days=st.integers(1, ERASURE_DAYS + 1))
    def daily_runs(self, days: int) -> None:
        for _ in range(days):
            self.orchard.pass_days(1)
            self._finish(self._begin("auto"))

    # ---- what must hold ----

    @invariant()
    def readers_find_exactly_what_was_published(self) -> None:
        if self.published is None:
            return
        found = verger_reader.open_publication(f"s3://{self.orchard.bucket}")
        features = {row["path"]: row["features"] for row in found.features().to_pylist()}
        projections = {row["path"]: row["pca_features"] for row in found.pca().to_pylist()}
        assert features.keys() == projections.keys() == self.published.keys()
        if not self.published:
            return
        components = found.basis().components
        now = commit.current(self.orchard.client, self.orchard.bucket)
        assert now is not None
        decoding = Decoding(now.publication.current.model["preprocessing"].removeprefix(f"{VERSION}-"))
        for path, content in self.published.items():
            assert numpy.array_equal(numpy.array(features[path], numpy.float32), vector(content, decoding)), path
            numpy.testing.assert_allclose(projections[path], vector(content, decoding) @ components, atol=1e-9)
        if now.etag != self.read_by_queries:
            self.read_by_queries = now.etag
            check_same_rows(found)

    def teardown(self) -> None:
        for key in self.orchard.listing():
            self.orchard.client.delete_object(Bucket=self.orchard.bucket, Key=key)

    # ---- how ----

    def _begin(self, policy: str, **params: bool) -> Running:
        return self.orchard.begin(
            next(self.ids), RunParams(basis=policy, target_variance=0.9, accept_deletions=True, **params)
        )

    def _finish(self, running: Running) -> None:
        before = commit.current(self.orchard.client, self.orchard.bucket)
        try:
            plan = running.finish()
        except (PlanError, StorageError, RuntimeError, CommitConflictError) as error:
            now = commit.current(self.orchard.client, self.orchard.bucket)
            assert now == before, "a failed run changes nothing"
            self._check_reason(error, running, before)
            self.failed.append(running)
            # A failed run deletes nothing either. The erasure waits for a successful run.
            self.missed = dict.fromkeys(self.missed, self.orchard.now)
            self.unlisted = dict.fromkeys(self.unlisted, self.orchard.now)
            return
        if plan.work:
            self._note_missed(running.expected(), running.listed)
            self.published = self.snapshots[running.run_context.run.id] = running.expected()
        self._check_leftovers(running)
        self._check_erasure()

    def _check_reason(self, error: Exception, running: Running, before: Current | None) -> None:
        reasons: dict[type[Exception], Callable[[], bool]] = {
            CommitConflictError: lambda: (before.etag if before else None) != running.etag,
            PlanError: lambda: running.params.basis == "reuse",
            StorageError: lambda: not running.listed,
            # Fewer than two different photos have no variance.
            RuntimeError: lambda: len(set(running.expected().values())) < 2,
        }
        assert reasons[type(error)](), error

    def _note_missed(self, published: Rows, listed: Rows) -> None:
        deleted = {path: self.orchard.now for path in (self.published or {}) if path not in published}
        self.missed = {path: at for path, at in (deleted | self.missed).items() if path not in published}
        now = self.orchard.now
        self.unlisted = {path: self.unlisted.get(path, now) for path in self.missed if path not in listed}

    def _active(self) -> set[str]:
        """Interrupted and failed runs that may still publish, the latter after a user has cleared a task."""
        now = commit.current(self.orchard.client, self.orchard.bucket)
        return {
            run.run_context.run.id for run in (*self.interrupted, *self.failed) if now is None or run.etag == now.etag
        }

    def _check_leftovers(self, running: Running) -> None:
        now = commit.current(self.orchard.client, self.orchard.bucket)
        if now is None:
            return
        wanted = set().union(*needed(now.publication).values())
        wanted |= {part.run for kept in now.publication.kept for part in kept.manifest}
        assert run_prefixes(self.orchard.listing()) <= wanted | self._active()

    def _check_erasure(self) -> None:
        """Check that no table names a photo after its erasure time. A reject has a name, but no vectors."""
        vectors, names = self._overdue(self.missed), self._overdue(self.unlisted)
        if not vectors:
            return
        active = self._active()
        store = self.orchard.store
        for key in self.orchard.listing():
            if (
                key.endswith(".parquet")
                and not {"data", "statistics"} & {*key.split("/")}
                and not run_prefixes([key]) <= active
            ):
                overdue = vectors if key.startswith(("features/", "pca/")) else names
                assert not overdue & set(store.column(key, "path")), key

    def _overdue(self, times: dict[str, datetime]) -> set[str]:
        long_ago = {path for path, at in times.items() if self.orchard.now - at >= timedelta(days=ERASURE_DAYS)}
        return long_ago - self.orchard.photos.keys()


@pytest.fixture
def orchard(settings: Settings, client: S3Client, tmp_path: Path) -> Orchard:
    retention = replace(settings.retention, snapshot_days=SNAPSHOT_DAYS, erasure_days=ERASURE_DAYS)
    validation = replace(settings.validation, max_rejects_share=1.0, neighbour_sample=100)
    return Orchard(replace(settings, retention=retention, validation=validation), client, tmp_path)


def test_every_publication_equals_that_of_a_full_refresh(orchard: Orchard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "MAX_FEATURE_RUNS", 3)
    monkeypatch.setattr(compaction, "MAX_DELETED_ROWS", 4)
    monkeypatch.setattr(compaction, "MAX_MANIFEST_PARTS", 3)

    class HistoryOfThisBucket(History):
        def __init__(self) -> None:
            super().__init__(replace(orchard, photos={}))

    run_state_machine_as_test(
        HistoryOfThisBucket,
        settings=hypothesis.settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=[*HealthCheck],
            print_blob=True,
        ),
    )
