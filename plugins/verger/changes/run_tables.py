"""Writes the tables of a run: what step 1 featurizes, and which rows are deleted.

| table | written | rows |
| --- | --- | --- |
| work.parquet | before step 1 | the photos that step 1 featurizes: path, etag, size |
| deletes.parquet | before step 1 | deleted rows of the feature runs that are kept: path, run |
| compacted_deletes.parquet | before step 1 | deleted rows of the feature runs that step 2 compacts: path, run |
| removed.parquet | before step 1 | rows of published feature runs that this run deletes: path, run |
| deleted.parquet | before step 1 | the published photos that are not listed any more: path |

`verger.changes.manifest` writes the manifest after step 1.

Rows are streamed, so memory does not grow with the number of photos.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from verger.changes.compare import FEATURIZED, Compared, PhotoChange, Tally, array_of, compare
from verger.changes.known_rejects import FailedRun, KnownRejects, rejects_of
from verger.changes.lost_files import rows_left, without_lost
from verger.changes.plan import Plan
from verger.publication.model import Snapshot
from verger.s3 import bodies
from verger.tables import manifest, sorted_batches
from verger.tables.external_sort import merged, spool
from verger.tables.manifest import ROWS_PER_BATCH
from verger.tables.parquet import Store, TableError, batch_writer, read_batches, rows_of, upload, write_batches
from verger_contract.keys import REFERENCE_FILE, SUSPECTS_FILE, Run, manifest_keys
from verger_contract.schemas import DELETED, DELETES, INVENTORY, MANIFEST

if TYPE_CHECKING:
    import numpy
    import pyarrow
    from mypy_boto3_s3 import S3Client
    from numpy.typing import NDArray


log = logging.getLogger(__name__)


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
    failed : FailedRun, optional
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
    failed: FailedRun | None = None
    featurizes: bool = True

    def stream(self) -> Iterator[Compared]:
        """Yield the photos of inventory and manifest in order of paths."""
        batches = self.store.batches(self.run.inventory, INVENTORY.names, ROWS_PER_BATCH)
        inventory = sorted_batches.increasing(batches, self.run.uri(self.run.inventory))
        return compare(inventory, self._published(), retry_all_rejects=self.retry_all_rejects)

    def _published(self) -> Iterator[pyarrow.RecordBatch]:
        if not self.published or not self.published.run:
            return
        keys = manifest_keys(self.run.bucket, [part.run for part in self.published.manifest])
        if not self.lost:
            yield from self._needed(manifest.batches(self.store, keys))
            return
        with tempfile.TemporaryDirectory(prefix="verger-lost-") as scratch:
            left = spool(rows_left(self.store, self.lost), DELETES, Path(scratch))
            published = rows_of(self._needed(manifest.batches(self.store, keys)), MANIFEST.names)
            rows = without_lost(published, merged(left, DELETES), self.lost)
            yield from sorted_batches.of_rows(rows, MANIFEST)

    def known_rejects(self) -> KnownRejects:
        """Return the rejects of the run that failed because of them."""
        return KnownRejects(rejects_of(self.store, self.failed.keys(self.run.bucket)) if self.failed else ())

    def work(self, compared: Compared) -> NDArray[numpy.bool_]:
        """Return, for each listed photo, whether step 1 featurizes it."""
        import numpy

        if not self.featurizes or self.full_refresh:
            return numpy.full(compared.listed.num_rows, self.featurizes)
        return compared.have(FEATURIZED)

    def deleted_rows(self, compared: Compared) -> pyarrow.RecordBatch:
        """Return path and feature run of the published rows that this run deletes."""
        import numpy

        changed = compared.places[compared.have([PhotoChange.CHANGED])]
        places = numpy.sort(numpy.concatenate([changed, compared.deleted]))
        rows = compared.published.take(array_of(places[:0] if self.full_refresh else places))
        return rows.filter(rows["run"].is_valid()).select(DELETES.names)

    def published_deletes(self) -> Iterator[pyarrow.RecordBatch]:
        """Yield the deleted rows of earlier runs, for feature runs that are still published."""
        if self.full_refresh or not self.published or not self.published.run:
            return iter(())
        current = [features.run for features in self.published.features]
        batches = self.store.batches(Run(self.run.bucket, self.published.run).deletes, DELETES.names, ROWS_PER_BATCH)
        return (of_runs(batch, current) for batch in self._needed(batches))

    def _needed(self, batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        """Yield the rows of a table of the published run. Only a full refresh does not need them."""
        try:
            yield from batches
        except (FileNotFoundError, TableError) as error:
            if not self.full_refresh:
                raise TableError(
                    f"{error}; start a run with the parameter full_refresh: the other runs need this table of the "
                    "published run"
                ) from error
            log.warning("%s; the full refresh does not need it", error)


def write_work(s3: S3Client, comparison: Comparison, decide: Callable[[Tally], Plan]) -> Plan:
    """Write work.parquet, removed.parquet, deletes.parquet and compacted_deletes.parquet. Return the plan.

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
            upload(s3, run.bucket, run.deleted) as deleted_file,
            upload(s3, run.bucket, run.removed) as removed_file,
            batch_writer(work_file, INVENTORY) as write_photos,
            batch_writer(deleted_file, DELETED) as write_deleted,
            batch_writer(removed_file, DELETES) as write_removed,
            batch_writer(deletes_file, DELETES) as write_deletes,
        ):
            for batch in comparison.published_deletes():
                write_deletes(batch)
            for compared in comparison.stream():
                tally.count(compared)
                work = compared.listed.filter(array_of(comparison.work(compared)))
                write_photos(work)
                if comparison.failed:
                    tally.known_rejects.update(known.kinds_of(work))
                removed = comparison.deleted_rows(compared)
                write_deletes(removed)
                write_removed(removed)
                write_deleted(compared.published.take(array_of(compared.deleted)).select(DELETED.names))
        plan = decide(tally)
        for key, runs in ((run.deletes, plan.keep), (run.compacted_deletes, plan.compact)):
            _write_deletes_of(s3, run.bucket, key, deletes_file, [features.run for features in runs])
    return plan


def _write_deletes_of(s3: S3Client, bucket: str, key: str, deletes: Path, runs: Sequence[str]) -> None:
    with upload(s3, bucket, key) as file:
        write_batches(file, DELETES, (of_runs(batch, runs) for batch in read_batches(deletes, DELETES.names)))


def of_runs(deletes: pyarrow.RecordBatch, runs: Sequence[str]) -> pyarrow.RecordBatch:
    """Return the deleted rows of some feature runs."""
    import pyarrow.compute

    return deletes.filter(pyarrow.compute.is_in(deletes["run"], value_set=pyarrow.array(runs, pyarrow.string())))


def copy_statistics(s3: S3Client, published: Run, run: Run) -> None:
    """Copy the statistics and suspects of the published run to a run that changes no features.

    The next run updates the copy. An object that does not exist is not copied: an earlier Verger wrote none.
    """
    pairs = [(published.moments, run.moments), (published.label_sums, run.label_sums), (published.spread, run.spread)]
    pairs += [(f"{published.suspects}{name}", f"{run.suspects}{name}") for name in (SUSPECTS_FILE, REFERENCE_FILE)]
    for source, target in pairs:
        with contextlib.suppress(s3.exceptions.NoSuchKey):
            s3.put_object(Bucket=run.bucket, Key=target, Body=bodies.content(s3, run.bucket, source).body)
