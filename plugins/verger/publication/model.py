"""The content of `published.json`: the current snapshot, and the earlier snapshots that can be rolled back to."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from verger_contract import preprocessing
from verger_contract.keys import Run, attempt_of

VERSION = 4
READ_VERSIONS = (3, VERSION)
"""Version 3 names one table of coordinates, `pca`, which has the rows of all photos."""


@dataclass(frozen=True, kw_only=True)
class FeatureRun:
    """A table of features, which one run wrote.

    Attributes
    ----------
    run : str
        The run, with the attempt of the step: the features lie in features/run=<run>/.
    rows, current_rows : int
        All rows, and those that are not deleted.
    deletes_since : str or None
        Time of the first deleted row (ISO 8601, UTC); None when there is none.
    files : str or None
        SHA-256 of the file list, as it was verified. None for the table of an earlier Verger.
    """

    run: str
    rows: int
    current_rows: int
    deletes_since: str | None = None
    files: str | None = None


@dataclass(frozen=True, kw_only=True)
class PcaRun:
    """A table of coordinates, which one run wrote.

    Attributes
    ----------
    run : str
        The run, with the attempt of the step: the coordinates lie in pca/run=<run>/.
    rows : int
        All rows. Rows of other feature runs than `features`, and deleted rows of these, are not current.
    features : tuple of str or None
        The feature runs whose coordinates are read from this table. None for the table of an earlier Verger: it has no
        column `features_run`, and all its rows are current.
    stale_since : str or None
        Time of the first row that is not current (ISO 8601, UTC); None when there is none.
    files : str or None
        See `FeatureRun`.
    """

    run: str
    rows: int
    features: tuple[str, ...] | None
    stale_since: str | None = None
    files: str | None = None


@dataclass(frozen=True, kw_only=True)
class ManifestPart:
    """A file of the manifest, which one run wrote.

    Attributes
    ----------
    run : str
        The first part is runs/<run>/manifest.parquet and has all photos. The others are
        runs/<run>/manifest_delta.parquet.
    rows : int
    deletes_since : str or None
        When the part made rows of earlier parts obsolete: its photos were changed or deleted (ISO 8601, UTC). None when
        all its photos were new.
    """

    run: str
    rows: int
    deletes_since: str | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One published state of the data. Data is named by the run that wrote it.

    Attributes
    ----------
    published_at : str
        ISO 8601, UTC; so is `superseded_at`.
    run : str or None
        The run that published it; None for the empty snapshot, which has no photos.
    features : tuple of FeatureRun
    pca : tuple of PcaRun
        The coordinates of each feature run are in one of them.
    basis : str or None
        The run that fitted the basis, with the attempt of the step.
    photos, rejected : int
        Photos with features, and photos without.
    k : int
        Components.
    target_variance, explained_variance : float
        Shares of the variance. `explained_variance` is None when the photos have no variance.
    model : mapping
        `weights`, `sha256` and `preprocessing` (see `verger_contract.preprocessing.preprocessing`).
    artifacts : str
        SHA-256 of the artifact set.
    changes : mapping of str to int
        Photos listed, new, changed, retry, opportunistic_retry, lost, unchanged, deleted.
    basis_reason : str
        Why the basis was kept or refitted.
    basis_target : float
        The target variance that the basis was fitted to.
    rejects : str or None
        The run that wrote the rejects, with the attempt of the step. None if an earlier Verger published the snapshot:
        then it is `run`.
    pca_attempt : str
        Id of the attempt of step 2. It names the statistics and the drift of the run.
    since_full_pass : int or None
        Publications since all rows were read for the statistics. None when there are no statistics to update: an
        earlier Verger published the snapshot.
    verified_all_at : str or None
        When all rows were verified last (ISO 8601, UTC). None when an earlier Verger published the snapshot.
    manifests : tuple of ManifestPart
        The parts of the manifest, oldest first. Empty if an earlier Verger published the snapshot: then the manifest is
        that of `run`.
    rolled_back_from : str or None
        The run that was current before the rollback to this snapshot.
    superseded_at : str or None
        When the next snapshot replaced this one; None for the current snapshot.
    """

    published_at: str
    run: str | None
    features: tuple[FeatureRun, ...]
    pca: tuple[PcaRun, ...]
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
    rejects: str | None = None
    pca_attempt: str = ""
    since_full_pass: int | None = None
    verified_all_at: str | None = None
    manifests: tuple[ManifestPart, ...] = ()
    rolled_back_from: str | None = None
    superseded_at: str | None = None

    def file_lists(self, bucket: str) -> dict[str, str]:
        """Return the SHA-256 of the file list of each table, by the key prefix of the table."""
        tables = [(Run(bucket, table.run).features, table.files) for table in self.features]
        tables += [(Run(bucket, table.run).pca, table.files) for table in self.pca]
        return {prefix: sha256 for prefix, sha256 in tables if sha256}

    @property
    def named(self) -> frozenset[str]:
        """Every run whose data the snapshot names."""
        tables = {*(table.run for table in self.features), *(table.run for table in self.pca)}
        names = {self.run, self.basis, *tables}
        return frozenset(name for name in names if name is not None) | {part.run for part in self.manifest}

    @property
    def manifest(self) -> tuple[ManifestPart, ...]:
        """The parts of the manifest, oldest first; none when the snapshot is empty."""
        if self.manifests or self.run is None:
            return self.manifests
        return (ManifestPart(run=self.run, rows=self.photos + self.rejected),)

    def facts(self) -> dict[str, Any]:
        """Return the snapshot as a JSON object."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Publication:
    """The content of `published.json`.

    Attributes
    ----------
    current : Snapshot
    history : tuple of Snapshot
        The earlier snapshots that are kept, newest first.
    revision : int
        The number of writes. It makes the content, and so the ETag, of every write unique.
    """

    current: Snapshot
    history: tuple[Snapshot, ...] = ()
    revision: int = 1

    @property
    def kept(self) -> tuple[Snapshot, ...]:
        """The current snapshot and the history."""
        return (self.current, *self.history)

    @property
    def named(self) -> frozenset[str]:
        """Every run whose data a kept snapshot names."""
        return frozenset().union(*(snapshot.named for snapshot in self.kept))

    def followed_by(self, snapshot: Snapshot) -> Publication:
        """Return the next revision, in which `snapshot` is current.

        The history keeps no earlier snapshot of the same run: after a rollback, that snapshot is the current one.
        """
        past = (replace(self.current, superseded_at=snapshot.published_at), *self.history)
        return Publication(snapshot, tuple(old for old in past if old.run != snapshot.run), self.revision + 1)

    def keeping(self, history: tuple[Snapshot, ...]) -> Publication:
        """Return the next revision, with the same current snapshot and a shorter history."""
        return Publication(self.current, history, self.revision + 1)

    def document(self) -> dict[str, Any]:
        """Return the JSON object of `published.json`."""
        history = [snapshot.facts() for snapshot in self.history]
        return {"version": VERSION, "revision": self.revision, **self.current.facts(), "history": history}


def parse(body: bytes) -> Publication:
    """Return the publication of a JSON text: the inverse of `Publication.document`.

    Raises
    ------
    ValueError, KeyError, TypeError
        The text is not that of a publication, or has another version.
    """
    document = json.loads(body)
    if document["version"] not in READ_VERSIONS:
        raise ValueError(f"version {document['version']}, this Verger reads the versions 3 and {VERSION}")
    return Publication(_snapshot(document), tuple(_snapshot(old) for old in document["history"]), document["revision"])


def _snapshot(facts: Mapping[str, Any]) -> Snapshot:
    # A later Verger may add members without a new version. They are ignored.
    values = _known(Snapshot, facts)
    features = tuple(FeatureRun(**_known(FeatureRun, features)) for features in facts["features"])
    model = {"preprocessing": preprocessing.FIRST, **facts["model"]}
    manifests = tuple(ManifestPart(**_known(ManifestPart, part)) for part in facts.get("manifests", ()))
    attempt = facts.get("pca_attempt", attempt_of(facts["pca"]) if isinstance(facts["pca"], str) else "")
    tables = {"features": features, "pca": _coordinates(facts), "manifests": manifests}
    return Snapshot(**values | tables | {"model": model, "pca_attempt": attempt})


def _coordinates(facts: Mapping[str, Any]) -> tuple[PcaRun, ...]:
    pca = facts["pca"]
    if isinstance(pca, list):
        return tuple(_table(_known(PcaRun, table)) for table in pca)
    return (PcaRun(run=pca, rows=facts["photos"], features=None),) if pca else ()


def _table(values: Mapping[str, Any]) -> PcaRun:
    features = values["features"]
    return PcaRun(**{**values, "features": None if features is None else tuple(features)})


def _known(kind: type, facts: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in dataclasses.fields(kind)}
    return {name: value for name, value in facts.items() if name in names}
