"""Reads the coordinates that a snapshot names: their tables, the current rows, and the photos of each label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from verger.publication.model import Snapshot
from verger.tables.parquet import Store
from verger_contract.keys import Run
from verger_contract.schemas import DELETES

if TYPE_CHECKING:
    import pyarrow

ROWS = 65_536
"""Rows of a batch of narrow columns."""


@dataclass(frozen=True)
class CoordinateFile:
    """A file of a table of coordinates.

    Attributes
    ----------
    key : str
    size : int
        In bytes.
    features : tuple of str or None
        The feature runs whose coordinates are read from the file (see `verger.publication.model.PcaRun`).
    """

    key: str
    size: int
    features: tuple[str, ...] | None


def prefixes(bucket: str, snapshot: Snapshot) -> list[str]:
    """Return the prefixes of the tables of coordinates of a snapshot."""
    return [Run(bucket, table.run).pca for table in snapshot.pca]


def files(store: Store, snapshot: Snapshot) -> list[CoordinateFile]:
    """Return the files of all tables of coordinates, in the order of tables and names."""
    return [
        CoordinateFile(key, size, table.features)
        for table, prefix in zip(snapshot.pca, prefixes(store.bucket, snapshot), strict=True)
        for key, size in sorted(store.sizes(prefix).items())
    ]


def batches(store: Store, file: CoordinateFile, columns: Sequence[str]) -> Iterator[pyarrow.RecordBatch]:
    """Yield columns of the rows of a file whose feature run is current, and the column `features_run`.

    Deleted rows are among them: see `without_deleted`. In a file of an earlier Verger, all rows are current, and
    `features_run` is null.

    Raises
    ------
    TableError
        The file is damaged, or lacks a column.
    """
    import pyarrow
    from pyarrow import compute

    if file.features is None:
        for batch in store.batches(file.key, columns):
            yield batch.append_column("features_run", pyarrow.nulls(batch.num_rows, pyarrow.string()))
        return
    wanted = pyarrow.array(file.features, pyarrow.string())
    for batch in store.batches(file.key, (*columns, "features_run")):
        yield batch.filter(compute.is_in(batch.column("features_run"), value_set=wanted))


def without_deleted(store: Store, snapshot: Snapshot, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return the rows of a sample that are not deleted, in their order.

    The table of deleted rows is read in batches: memory grows with the sample alone.

    Parameters
    ----------
    rows
        Their first two values are path and feature run.
    """
    import pyarrow
    from pyarrow import compute

    paths, deleted = pyarrow.array([row[0] for row in rows], pyarrow.string()), set[tuple[str, str]]()
    for batch in store.batches(Run(store.bucket, str(snapshot.run)).deletes, DELETES.names, ROWS) if rows else ():
        found = batch.filter(compute.is_in(batch.column("path"), value_set=paths))
        deleted.update(zip(*(found.column(name).to_pylist() for name in DELETES.names), strict=True))
    return [row for row in rows if row[:2] not in deleted]


def labels(store: Store, snapshot: Snapshot) -> dict[str, int]:
    """Return the number of current photos of each label, by label.

    They are in the statistics of the snapshot. For a snapshot of an earlier Verger, which has none and whose rows of
    coordinates are all current, the column of labels is read.

    Raises
    ------
    TableError
        A table is damaged.
    FileNotFoundError
        The statistics are missing.
    """
    if snapshot.since_full_pass is None:
        counts = Counter[str]()
        for prefix in prefixes(store.bucket, snapshot):
            counts.update(counted(store, prefix))
        return dict(sorted(counts.items()))
    key = Run(store.bucket, str(snapshot.run), pca_attempt=snapshot.pca_attempt).label_sums
    return {label: photos for label, photos in sorted(store.rows(key, ("label", "photos"))) if photos}


def counted(store: Store, key: str) -> Counter[str]:
    """Return the number of rows of each label in a table. Only the column of labels is read, in batches."""
    found: Counter[str] = Counter()
    for batch in store.batches(key, ("label",), ROWS):
        for pair in batch.column("label").value_counts().to_pylist():
            found[pair["values"]] += pair["counts"]
    return found
