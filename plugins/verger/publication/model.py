"""What `published.json` says: the data that is current, the facts about it, and what it can be rolled back to."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

VERSION = 3


@dataclass(frozen=True, kw_only=True)
class FeatureRun:
    """A table of features: its rows, how many of them are live (current), and since when some are not."""

    run: str
    rows: int
    current_rows: int
    deletes_since: str | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One publication. `run` is None for the empty one, which holds no photo."""

    published_at: str
    run: str | None
    features: tuple[FeatureRun, ...]
    pca: str | None
    basis: str | None
    photos: int
    rejected: int
    k: int
    target_variance: float
    explained_variance: float | None
    model: Mapping[str, str]
    artifacts: str
    images_prefix: str
    changes: Mapping[str, int]
    basis_reason: str
    basis_target: float
    """The target variance that the basis was fitted to."""
    rolled_back_from: str | None = None
    superseded_at: str | None = None

    @property
    def named(self) -> frozenset[str]:
        """Every run whose data it names."""
        names = {self.run, self.pca, self.basis, *(features.run for features in self.features)}
        return frozenset(name for name in names if name is not None)

    def facts(self) -> dict[str, Any]:
        """As JSON has it."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Publication:
    """The current snapshot, and those before it that are still kept, newest first.

    `revision` counts the writes, so that no two have the same content.
    """

    current: Snapshot
    history: tuple[Snapshot, ...] = ()
    revision: int = 1

    @property
    def kept(self) -> tuple[Snapshot, ...]:
        return (self.current, *self.history)

    @property
    def named(self) -> frozenset[str]:
        """Every run whose data a kept snapshot names."""
        return frozenset().union(*(snapshot.named for snapshot in self.kept))

    def followed_by(self, snapshot: Snapshot) -> Publication:
        """The publication after this one. What the new snapshot repeats of the history is no longer history."""
        past = (replace(self.current, superseded_at=snapshot.published_at), *self.history)
        return Publication(snapshot, tuple(old for old in past if old.run != snapshot.run), self.revision + 1)

    def keeping(self, history: tuple[Snapshot, ...]) -> Publication:
        """The same data in the next revision, with less history."""
        return Publication(self.current, history, self.revision + 1)

    def document(self) -> dict[str, Any]:
        """The JSON of `published.json`."""
        history = [snapshot.facts() for snapshot in self.history]
        return {"version": VERSION, "revision": self.revision, **self.current.facts(), "history": history}


def parse(body: bytes) -> Publication:
    """The inverse of `document`. Raises ValueError, KeyError or TypeError for anything else."""
    said = json.loads(body)
    if said["version"] != VERSION:
        raise ValueError(f"version {said['version']}, this Verger writes version {VERSION}")
    return Publication(_snapshot(said), tuple(_snapshot(old) for old in said["history"]), said["revision"])


def _snapshot(said: Mapping[str, Any]) -> Snapshot:
    # Unknown names are a later Verger's, which keeps `version` as long as an earlier one may pass over them.
    names = {field.name for field in dataclasses.fields(Snapshot)}
    values = {name: value for name, value in said.items() if name in names}
    return Snapshot(**values | {"features": tuple(FeatureRun(**features) for features in said["features"])})
