"""Random histories of a bucket: whatever happens, what is published equals a full reprocessing, row for row.

Photos come, change and go; runs succeed, fail at any stage, are repeated, run beside each other; publications are
rolled back and unpublished; the model changes; days pass.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

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
from tests.plugins.orchard import STAGES, Orchard, Running, run_prefixes
from tests.plugins.played_steps import vector
from verger.changes import compaction
from verger.changes.plan import PlanError, RunParams
from verger.publication import commit, rollback
from verger.publication.commit import CommitConflictError, Current
from verger.publication.retention import needed
from verger.s3.errors import StorageError
from verger.settings import Settings

EXAMPLES, STEPS = int(os.environ.get("VERGER_TEST_HISTORIES", "12")), 20
SNAPSHOT_DAYS, ERASURE_DAYS = 1, 5
NAMES = [f"{label}/{number}.jpg" for label in ("Kiwi", "Pêche 1", "柿") for number in range(3)]
CONTENTS = st.sampled_from([b"a", b"b", b"c", b"d", b"bad: not an image", b"bad: access denied"])
RARELY = st.sampled_from([False] * 5 + [True])
POLICIES = st.sampled_from(["auto", "auto", "refit", "reuse"])

Rows = dict[str, bytes]


class History(RuleBasedStateMachine):
    """`published` holds what readers must find: path to content, None before the first publication."""

    def __init__(self, orchard: Orchard) -> None:
        super().__init__()
        self.orchard = orchard
        self.ids = (f"run-{number}" for number in itertools.count())
        self.published: Rows | None = None
        self.snapshots: dict[str | None, Rows] = {}
        self.interrupted: list[Running] = []
        self.missed: dict[str, datetime] = {}

    @initialize()
    def begin(self) -> None:
        """Enough photos that a run of a few changes keeps the features of the rest."""
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

    # ---- what runs do ----

    @rule(policy=POLICIES, everything=RARELY)
    def run(self, policy: str, everything: bool) -> None:
        self._finish(self._begin(policy, full_refresh=everything and policy != "reuse"))

    @rule(gone=st.sampled_from(NAMES), changed=st.sampled_from(NAMES), salt=st.binary(min_size=1, max_size=2))
    def a_night_of_little_things(self, gone: str, changed: str, salt: bytes) -> None:
        self.orchard.put(changed, changed.encode() + salt)
        if gone != changed and f"images/{gone}" in self.orchard.photos:
            self.orchard.delete(gone)
        self._finish(self._begin("auto"))

    @rule(policy=POLICIES, stage=st.sampled_from(STAGES[:-2]))
    def run_that_fails(self, policy: str, stage: str) -> None:
        running = self._begin(policy)
        try:
            running.until(stage)
        except (PlanError, StorageError, RuntimeError):
            return
        self.interrupted.append(running)

    @precondition(lambda self: self.interrupted)
    @rule(data=st.data(), from_the_start=st.booleans())
    def go_on(self, data: st.DataObject, from_the_start: bool) -> None:
        running = self.interrupted.pop(data.draw(st.integers(0, len(self.interrupted) - 1)))
        if from_the_start:
            running = self.orchard.begin(running.run_context.run.id, running.params)
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
        self.missed.clear()  # what it brings back counts as missed only from the next run on

    @precondition(lambda self: self.published)
    @rule()
    def unpublish(self) -> None:
        rollback.unpublish(self.orchard.client, self.orchard.bucket, self.orchard.now)
        self._note_missed({})
        self.published = self.snapshots[None] = {}

    @rule(nights=st.integers(1, ERASURE_DAYS + 1))
    def nights_pass(self, nights: int) -> None:
        for _ in range(nights):
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
        for path, content in self.published.items():
            assert numpy.array_equal(numpy.array(features[path], numpy.float32), vector(content)), path
            numpy.testing.assert_allclose(projections[path], vector(content) @ components, atol=1e-9)

    def teardown(self) -> None:
        for key in self.orchard.listing():
            self.orchard.client.delete_object(Bucket=self.orchard.bucket, Key=key)

    # ---- how ----

    def _begin(self, policy: str, **asked: bool) -> Running:
        return self.orchard.begin(
            next(self.ids), RunParams(basis=policy, target_variance=0.9, accept_deletions=True, **asked)
        )

    def _finish(self, running: Running) -> None:
        before = commit.current(self.orchard.client, self.orchard.bucket)
        try:
            plan = running.finish()
        except (PlanError, StorageError, RuntimeError, CommitConflictError) as error:
            now = commit.current(self.orchard.client, self.orchard.bucket)
            assert now == before, "a run that fails changes nothing"
            self._check_reason(error, running, before)
            # Nothing was removed either; what was missed before waits for a run that ends well.
            self.missed = dict.fromkeys(self.missed, self.orchard.now)
            return
        if plan.work:
            self._note_missed(running.expected())
            self.published = self.snapshots[running.run_context.run.id] = running.expected()
        self._check_rubbish(running)
        self._check_erasure()

    def _check_reason(self, error: Exception, running: Running, before: Current | None) -> None:
        reasons: dict[type[Exception], Callable[[], bool]] = {
            CommitConflictError: lambda: (before.etag if before else None) != running.etag,
            PlanError: lambda: running.params.basis == "reuse",
            StorageError: lambda: not running.listed,
            # Fewer than two photos, or none that differ: there is no variance.
            RuntimeError: lambda: len(set(running.expected().values())) < 2,
        }
        assert reasons[type(error)](), error

    def _note_missed(self, published: Rows) -> None:
        gone = {path: self.orchard.now for path in (self.published or {}) if path not in published}
        self.missed = {path: at for path, at in (gone | self.missed).items() if path not in published}

    def _alive(self) -> set[str]:
        """Interrupted runs that may still publish."""
        now = commit.current(self.orchard.client, self.orchard.bucket)
        return {run.run_context.run.id for run in self.interrupted if now is None or run.etag == now.etag}

    def _check_rubbish(self, running: Running) -> None:
        now = commit.current(self.orchard.client, self.orchard.bucket)
        if now is None:
            return
        wanted = set().union(*needed(now.publication).values())
        assert run_prefixes(self.orchard.listing()) <= wanted | self._alive()

    def _check_erasure(self) -> None:
        """Of a photo that was missed so long ago, no table holds a row."""
        due = {path for path, at in self.missed.items() if self.orchard.now - at >= timedelta(days=ERASURE_DAYS)}
        due -= self.orchard.photos.keys()
        if not due:
            return
        alive = self._alive()
        store = self.orchard.store
        for key in self.orchard.listing():
            if key.endswith(".parquet") and "/data/" not in key and not run_prefixes([key]) <= alive:
                assert not due & set(store.column(key, "path")), key


@pytest.fixture
def orchard(settings: Settings, client: Any, tmp_path: Path) -> Orchard:
    retention = replace(settings.retention, snapshot_days=SNAPSHOT_DAYS, erasure_days=ERASURE_DAYS)
    validation = replace(settings.validation, max_rejects_share=1.0, neighbour_sample=100)
    return Orchard(replace(settings, retention=retention, validation=validation), client, tmp_path)


@pytest.mark.timeout(600)
def test_after_every_publication_the_set_is_that_of_a_full_reprocessing(
    orchard: Orchard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "MAX_FEATURE_RUNS", 3)
    monkeypatch.setattr(compaction, "MAX_DELETED_ROWS", 4)
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: History(replace(orchard, photos={})),
        settings=hypothesis.settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=[*HealthCheck],
            print_blob=True,
        ),
    )
