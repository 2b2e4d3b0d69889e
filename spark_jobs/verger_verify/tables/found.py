"""The parts of the written tables, and what the checks need of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from verger_contract.photos import digest
from verger_verify.measures.fingerprint import Fingerprint
from verger_verify.measures.spread import Spread
from verger_verify.measures.vectors import Vectors, version_key
from verger_verify.tables.files import File

if TYPE_CHECKING:
    import numpy


class Kind(StrEnum):
    """What a part is read for.

    `expected` and `found` parts are compared by path and ETag. Of the `manifest`, the current rows of some feature runs
    are read. `features`, the `coordinates` that the run wrote, and `kept` coordinates are verified. Of `spread` parts,
    only the variance is measured. Of `removed` parts, the variance of the rows that the run deletes. Of
    `content` parts, only the SHA-256 is compared.
    """

    EXPECTED = "expected"
    FOUND = "found"
    MANIFEST = "manifest"
    FEATURES = "features"
    COORDINATES = "coordinates"
    KEPT = "kept"
    SPREAD = "spread"
    REMOVED = "removed"
    CONTENT = "content"


@dataclass(frozen=True)
class Part:
    """A file, or some row groups of a large one. `run` is the name of its table."""

    kind: Kind
    file: File
    run: str = ""
    groups: tuple[int, ...] | None = None

    @property
    def rows(self) -> int:
        """Rows of the file by the file list, for the progress; 0 for tables of paths."""
        return self.file.rows if self.groups is None else 0


@dataclass
class Versions:
    """Fingerprints of the paths of a table, of the paths with ETags, and of the paths with feature runs."""

    paths: Fingerprint = field(default_factory=Fingerprint)
    etags: Fingerprint = field(default_factory=Fingerprint)
    runs: Fingerprint = field(default_factory=Fingerprint)

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows with the columns path, etag and, optionally, run."""
        runs = batch.column("run").to_pylist() if "run" in batch.schema.names else [None] * len(batch)
        for path, etag, run in zip(
            batch.column("path").to_pylist(), batch.column("etag").to_pylist(), runs, strict=True
        ):
            self.paths.add(digest(path or ""))
            self.etags.add(digest(version_key(path or "", etag)))
            if run is not None:
                self.runs.add(digest(version_key(path or "", run)))

    def plus(self, other: Versions) -> Versions:
        """Return the fingerprints of both."""
        return Versions(self.paths.plus(other.paths), self.etags.plus(other.etags), self.runs.plus(other.runs))


@dataclass
class Spreads:
    """The variance of features and that of their products with the components."""

    features: Spread = field(default_factory=Spread)
    coordinates: Spread = field(default_factory=Spread)

    def add(self, vectors: numpy.ndarray, components: numpy.ndarray) -> None:
        """Add features, float64, shape (rows, 1280)."""
        self.features.add(vectors)
        self.coordinates.add(vectors @ components)

    def plus(self, other: Spreads) -> Spreads:
        """Return the variances of both."""
        return Spreads(self.features.plus(other.features), self.coordinates.plus(other.coordinates))


@dataclass
class Found:
    """What was found in parts of the tables.

    Attributes
    ----------
    versions : dict of str to Versions
        By kind: expected, found, manifest.
    vectors : dict of str to Vectors
        By kind, and `new` or `other`: the rows of the feature run that the run wrote, and others.
    spreads : dict of str to Spreads
        By kind: spread, removed.
    problems : dict of str to str
        What is wrong with the content of a file, by URI.
    bytes : int
        Of the files that were read as a whole.
    """

    versions: dict[str, Versions] = field(default_factory=dict)
    vectors: dict[str, Vectors] = field(default_factory=dict)
    spreads: dict[str, Spreads] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    bytes: int = 0

    def plus(self, other: Found) -> Found:
        """Return what was found in the parts of both."""
        return Found(
            _merged(self.versions, other.versions),
            _merged(self.vectors, other.vectors),
            _merged(self.spreads, other.spreads),
            self.problems | other.problems,
            self.bytes + other.bytes,
        )


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    both = {name: one[name].plus(other[name]) for name in one.keys() & other.keys()}
    return {**one, **other, **both}
