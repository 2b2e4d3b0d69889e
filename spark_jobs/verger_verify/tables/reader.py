"""Reads one part of the written tables, and returns what the checks need of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from verger_contract.errors import one_line
from verger_contract.schemas import FEATURES_WIDTH
from verger_spark.io.feature_files import deleted_paths
from verger_verify.measures.sample import Sample
from verger_verify.measures.vectors import Vectors, columns, matrix
from verger_verify.tables import files as tables
from verger_verify.tables.files import File, UnreadableFile
from verger_verify.tables.found import Found, Kind, Part, Spreads, Versions


@dataclass(frozen=True)
class Reader:
    """Reads parts.

    Attributes
    ----------
    new : str
        The feature run that the run wrote.
    runs : tuple of str
        The feature runs whose rows are compared with the manifest.
    deletes, removed : str or None
        URIs of the tables of all deleted rows of the kept feature runs, and of those that the run deletes.
    components : ndarray of float64, shape (1280, k), or None
    coordinates : mapping of str to (sequence of str)
        For each kept table of coordinates the feature runs whose rows are read from it.
    sample, again : Sample
        Empty samples of the photos.
    """

    new: str
    sample: Sample
    again: Sample
    runs: tuple[str, ...] = ()
    deletes: str | None = None
    removed: str | None = None
    components: Any = None
    coordinates: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __call__(self, part: Part) -> Found:
        """Return what is found in a part. A file that cannot be read is a problem."""
        found = Found()
        read: Mapping[Kind, Callable[[Part, Found], None]] = {
            Kind.EXPECTED: self._versions,
            Kind.FOUND: self._versions,
            Kind.MANIFEST: self._manifest,
            Kind.FEATURES: self._features,
            Kind.COORDINATES: self._coordinates,
            Kind.KEPT: self._coordinates,
            Kind.SPREAD: self._spread,
            Kind.REMOVED: self._removed,
            Kind.CONTENT: self._content,
        }
        try:
            read[part.kind](part, found)
        except (UnreadableFile, UnicodeDecodeError, pa.ArrowException) as error:
            found.problems[part.file.uri] = one_line(error)
        return found

    def _whole(self, part: Part, found: Found, names: list[str]) -> Iterator[pa.RecordBatch]:
        """Read a file as a whole, compare its SHA-256, and yield its rows."""
        body, problem = tables.content(part.file)
        found.bytes += len(body)
        if problem:
            found.problems[part.file.uri] = problem
            return
        with tables.readable():
            source = pq.ParquetFile(pa.BufferReader(body))
        if part.file.sha256 and source.metadata.num_rows != part.file.rows:
            found.problems[part.file.uri] = f"expected {part.file.rows:,} rows, found {source.metadata.num_rows:,}"
        ends = Ends()
        for batch in tables.batches(source, names):
            if "path" in names:
                ends.add(batch["path"])
            yield batch
        if problem := ends.difference(part.file):
            found.problems[part.file.uri] = problem

    def _content(self, part: Part, found: Found) -> None:
        for _ in self._whole(part, found, []):
            break

    def _versions(self, part: Part, found: Found) -> None:
        versions = found.versions.setdefault(part.kind, Versions())
        if part.groups is None:
            for batch in self._whole(part, found, ["path", "etag"]):
                versions.add(batch)
            return
        with tables.opened(part.file.uri) as source:
            for batch in tables.batches(source, ["path", "etag"], part.groups):
                versions.add(batch)

    def _manifest(self, part: Part, found: Found) -> None:
        versions = found.versions.setdefault(part.kind, Versions())
        with tables.opened(part.file.uri) as source:
            for batch in tables.batches(source, ["path", "etag", "run"], part.groups):
                for rows in self.of_runs(batch):
                    versions.add(rows)

    def of_runs(self, manifest: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Yield the current rows of a batch of the manifest whose features are in one of `runs`.

        A row of an earlier part is obsolete when its photo was changed or deleted. Then the row of its feature run is
        deleted.
        """
        for run in pc.unique(manifest["run"].drop_null()).to_pylist():
            if run in self.runs:
                yield self.current(manifest.filter(pc.equal(manifest["run"], run)), run)

    def _features(self, part: Part, found: Found) -> None:
        is_new = part.run == self.new
        vectors = self._vectors(found, part.kind, is_new=is_new, width=FEATURES_WIDTH)
        for batch in self._whole(part, found, columns("features", "etag")):
            vectors.read(self.current(batch, part.run), "features", "etag")

    def _coordinates(self, part: Part, found: Found) -> None:
        width = self.components.shape[1]
        for written in self._whole(part, found, columns("pca_features", "features_run")):
            batch = self.current_coordinates(written, part.run)
            is_new = pc.equal(pc.fill_null(batch["features_run"], ""), self.new)
            for rows, new in ((batch.filter(is_new), True), (batch.filter(pc.invert(is_new)), False)):
                vectors = self._vectors(found, part.kind, is_new=new, width=width)
                vectors.read(rows, "pca_features", "features_run")

    def current_coordinates(self, batch: pa.RecordBatch, table: str) -> pa.RecordBatch:
        """Return the rows of a batch of coordinates that are current: all that the run itself wrote.

        Of a kept table these are the rows of some feature runs that are not deleted.
        """
        if table not in self.coordinates:
            return batch
        of_runs = [(run, batch.filter(pc.equal(batch["features_run"], run))) for run in self.coordinates[table]]
        return pa.concat_batches([batch.slice(0, 0), *(self.current(rows, run) for run, rows in of_runs)])

    def _vectors(self, found: Found, kind: Kind, *, is_new: bool, width: int) -> Vectors:
        empty = Vectors(width, replaced(self.sample), replaced(self.again))
        return found.vectors.setdefault(vectors_name(kind, is_new=is_new), empty)

    def _spread(self, part: Part, found: Found) -> None:
        spreads = found.spreads.setdefault(part.kind, Spreads())
        for batch in self._whole(part, found, ["path", "features"]):
            rows = self.current(batch, part.run)
            spreads.add(matrix(rows["features"], FEATURES_WIDTH), self.components)

    def _removed(self, part: Part, found: Found) -> None:
        spreads = found.spreads.setdefault(part.kind, Spreads())
        paths = removed_paths(str(self.removed)).get(part.run, ())
        with tables.opened(part.file.uri) as source:
            for batch in tables.rows_of(source, ["path", "features"], paths):
                spreads.add(matrix(batch["features"], FEATURES_WIDTH), self.components)

    def current(self, batch: pa.RecordBatch, run: str) -> pa.RecordBatch:
        """Return the rows of a batch of a feature run that are not deleted."""
        deleted = deleted_paths(self.deletes).get(run) if self.deletes else None
        if deleted is None or not len(deleted):
            return batch
        here = deleted.filter(pc.is_in(deleted, value_set=batch["path"]))
        return batch.filter(pc.invert(pc.is_in(batch["path"], value_set=here)))


@dataclass
class Ends:
    """The smallest and the largest of the paths that were added; None without any."""

    first: str | None = None
    last: str | None = None

    def add(self, paths: pa.Array) -> None:
        """Add paths."""
        found = pc.min_max(paths).as_py()
        known = [path for path in (self.first, self.last, *found.values()) if path is not None]
        if known:
            self.first, self.last = min(known), max(known)

    def difference(self, file: File) -> str:
        """Return how the paths differ from those of the file list; empty if they do not, or were not read."""
        if None in (self.first, file.first, file.last) or (self.first, self.last) == (file.first, file.last):
            return ""
        return f"expected paths from {file.first} to {file.last}, found {self.first} to {self.last}"


def vectors_name(kind: Kind, *, is_new: bool) -> str:
    """Return the name of vectors in `Found.vectors`."""
    return f"{kind} {'new' if is_new else 'other'}"


def replaced(sample: Sample) -> Sample:
    """Return an empty sample like another one."""
    return Sample(sample.size, sample.salt, sample.bound)


@lru_cache(maxsize=2)
def removed_paths(uri: str) -> dict[str, list[str]]:
    """Return the sorted paths that a run deletes, by feature run."""
    return {run: sorted(paths.to_pylist()) for run, paths in deleted_paths(uri).items()}
