"""Writes the tables of a run: what step 1 featurizes, which rows are deleted, and the manifest.

| table | written | rows |
| --- | --- | --- |
| work.parquet | before step 1 | the photos that step 1 featurizes: path, etag, size |
| deletes.parquet | before step 1 | deleted rows of the feature runs that are kept: path, run |
| compacted_deletes.parquet | before step 1 | deleted rows of the feature runs that step 2 compacts: path, run |
| manifest.parquet | after step 1 | every listed photo: path, etag, run of its features, kind and reason of its reject |

Rows are streamed, so memory does not grow with the number of photos.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from verger.changes.compare import FEATURIZED, Compared, PhotoChange, Tally, compare
from verger.changes.known_rejects import KnownRejects, rejects_of
from verger.changes.lost_files import rows_left, without_lost
from verger.changes.plan import Plan
from verger.publication.model import Snapshot
from verger.tables.external_sort import Row, increasing, merged, outer_join, spool
from verger.tables.parquet import Store, read_rows, upload, write_rows, writer
from verger_contract.keys import Run, name_of
from verger_contract.schemas import DELETES, INVENTORY, MANIFEST, REJECTS, Table

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Rejected(NamedTuple):
    """A row of the rejects of step 1, in the order of `verger_contract.schemas.REJECTS`."""

    path: str
    etag: str
    kind: str
    reason: str


@dataclass(frozen=True)
class Comparison:
    """The inventory of a run compared with the published manifest. It can be streamed several times.

    Attributes
    ----------
    store : Store
    run : Run
    published : Snapshot or None
    full_refresh : bool
        Every listed photo is featurized, whatever is published.
    retry_all_rejects : bool
        See `verger.changes.compare.compare`.
    lost : tuple of str
        Keys of lost files of published feature runs (see `verger.changes.lost_files.find`).
    failed_run : str, optional
        The run whose rejects are known (see `verger.changes.known_rejects`).
    featurizes : bool
        Whether the run has a cluster. Without one, no photo is featurized.
    """

    store: Store
    run: Run
    published: Snapshot | None
    full_refresh: bool
    retry_all_rejects: bool
    lost: tuple[str, ...] = ()
    failed_run: str | None = None
    featurizes: bool = True

    def stream(self) -> Iterator[Compared]:
        """Yield every photo of inventory and manifest in order of paths."""
        inventory = self._rows(self.run.inventory, INVENTORY)
        return compare(inventory, self._published(), retry_all_rejects=self.retry_all_rejects)

    def _published(self) -> Iterator[Row]:
        if not self.published or not self.published.run:
            return
        rows = self._rows(Run(self.run.bucket, self.published.run).manifest, MANIFEST)
        if not self.lost:
            yield from rows
            return
        with tempfile.TemporaryDirectory(prefix="verger-lost-") as scratch:
            left = spool(rows_left(self.store, self.lost), DELETES, Path(scratch))
            yield from without_lost(rows, merged(left, DELETES), self.lost)

    def known_rejects(self) -> KnownRejects:
        """Return the rejects of the run that failed because of them."""
        failed = Run(self.run.bucket, self.failed_run) if self.failed_run else None
        return KnownRejects(rejects_of(self.store, failed) if failed else ())

    def is_work(self, compared: Compared) -> bool:
        """Whether step 1 featurizes the photo."""
        return self.featurizes and compared.listed is not None and (self.full_refresh or compared.change in FEATURIZED)

    def deleted_row(self, compared: Compared) -> Row | None:
        """Return path and feature run of the published row that this run deletes, None when it deletes none."""
        published, is_deleted = compared.published, compared.change in (PhotoChange.CHANGED, PhotoChange.DELETED)
        if self.full_refresh or not is_deleted or published is None or published.run is None:
            return None
        return published.path, published.run

    def published_deletes(self) -> Iterator[Row]:
        """Yield the deleted rows of earlier runs, for feature runs that are still published."""
        if self.full_refresh or not self.published or not self.published.run:
            return iter(())
        current = {features.run for features in self.published.features}
        rows = self.store.rows(Run(self.run.bucket, self.published.run).deletes, DELETES.names)
        return (row for row in rows if row[1] in current)

    def _rows(self, key: str, table: Table) -> Iterator[Row]:
        return increasing(self.store.rows(key, table.names), self.run.uri(key))


def write_work(s3: S3Client, comparison: Comparison, decide: Callable[[Tally], Plan]) -> Plan:
    """Write work.parquet, deletes.parquet and compacted_deletes.parquet. Return the plan.

    Parameters
    ----------
    decide
        Makes the plan from the counts of the comparison. The plan determines which of the two tables takes the deleted
        rows of a feature run.
    """
    run, tally, known = comparison.run, Tally(), comparison.known_rejects()
    with tempfile.TemporaryDirectory(prefix="verger-deletes-") as scratch:
        deletes_file = Path(scratch, "deletes.parquet")
        with (
            upload(s3, run.bucket, run.work) as work_file,
            writer(work_file, INVENTORY) as write_photo,
            writer(deletes_file, DELETES) as write_delete,
        ):
            for row in comparison.published_deletes():
                write_delete(row)
            for compared in comparison.stream():
                tally.count(compared)
                if comparison.is_work(compared) and compared.listed:
                    write_photo(compared.listed)
                    if kind := known.kind_of(compared.listed):
                        tally.known_rejects[kind] += 1
                deleted = comparison.deleted_row(compared)
                if deleted:
                    write_delete(deleted)
        plan = decide(tally)
        for key, runs in ((run.deletes, plan.keep), (run.compacted_deletes, plan.compact)):
            _write_deletes_of(s3, run.bucket, key, deletes_file, {features.run for features in runs})
    return plan


def _write_deletes_of(s3: S3Client, bucket: str, key: str, deletes: Path, runs: Collection[str]) -> None:
    with upload(s3, bucket, key) as file:
        write_rows(file, DELETES, (row for row in read_rows(deletes, DELETES.names) if row[1] in runs))


def write_manifest(s3: S3Client, comparison: Comparison, moved: Mapping[str, str]) -> tuple[int, Counter[str]]:
    """Write the manifest after step 1.

    Parameters
    ----------
    moved
        For each feature run that step 2 compacts, the feature run that takes its rows.

    Returns
    -------
    photos : int
        The number of photos.
    rejects : Counter of str
        The number of rejects among them, by kind.
    """
    run, photos, kinds = comparison.run, 0, Counter[str]()
    with (
        tempfile.TemporaryDirectory(prefix="verger-rejects-") as scratch,
        upload(s3, run.bucket, run.manifest) as file,
        writer(file, MANIFEST) as write_photo,
    ):
        rejects = spool(comparison.store.rows(run.rejects, REJECTS.names), REJECTS, Path(scratch))
        # The checks report paths that are rejected twice, or that are not in work.parquet.
        for row, reject in outer_join(_rows_without_rejects(comparison, moved), merged(rejects, REJECTS)):
            if row is None:
                continue
            path, etag, features, kind, reason = row
            if reject and features == name_of(run.features):
                rejected = Rejected(*reject)
                features, kind, reason = None, rejected.kind, rejected.reason
            write_photo((path, etag, features, kind, reason))
            photos += 1
            if kind is not None:
                kinds[kind] += 1
    return photos, kinds


def _rows_without_rejects(comparison: Comparison, moved: Mapping[str, str]) -> Iterator[Row]:
    """Yield the rows of the manifest as if step 1 had rejected no photo."""
    for compared in comparison.stream():
        listed, published = compared.listed, compared.published
        if listed and comparison.is_work(compared):
            yield listed.path, listed.etag, name_of(comparison.run.features), None, None
        elif listed and published:
            features = moved.get(published.run, published.run) if published.run else None
            yield published.path, published.etag, features, published.kind, published.reason
