"""Writes the manifest after step 1: as a delta against the published one, or as a whole table.

A delta has the rows of the photos that the run featurized, and of those that are no longer listed.
`verger.tables.manifest` reads both as one table. `verger.changes.rewrites.compaction.kept_manifest` decides when a run
writes the whole table.
"""

from __future__ import annotations

import heapq
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from verger.changes.compare import Compared, array_of
from verger.changes.plan import Plan
from verger.changes.run_tables import Comparison
from verger.tables.external_sort import Row, merged, outer_join, spool
from verger.tables.parquet import batch_writer, upload, write_rows
from verger.tables.sorted_batches import aligned, of_rows, places_of
from verger_contract.keys import name_of
from verger_contract.schemas import DELETED, INVENTORY, MANIFEST, REJECTS

if TYPE_CHECKING:
    import pyarrow
    from mypy_boto3_s3 import S3Client


def write_manifest(s3: S3Client, comparison: Comparison, plan: Plan) -> Counter[str]:
    """Write the manifest of a run. Return the number of rejected photos in it, by kind.

    Parameters
    ----------
    comparison
        That of the plan.
    """
    run = comparison.run
    with tempfile.TemporaryDirectory(prefix="verger-rejects-") as scratch:
        segments = spool(comparison.store.rows(run.rejects, REJECTS.names), REJECTS, Path(scratch))
        rejects = merged(segments, REJECTS)
        if plan.manifests:
            return Counter(plan.kept_rejects) + _write_delta(s3, comparison, rejects)
        return _write_whole(s3, comparison, plan.moved(run), rejects)


def _write_delta(s3: S3Client, comparison: Comparison, rejects: Iterator[Row]) -> Counter[str]:
    run, kinds = comparison.run, Counter[str]()
    work = comparison.store.rows(run.work, INVENTORY.names) if comparison.featurizes else iter(())

    def featurized() -> Iterator[Row]:
        # The checks report paths that are rejected twice, or that are not in work.parquet.
        for photo, reject in outer_join(work, rejects):
            if photo is None:
                continue
            kind, reason = reject[2:] if reject else (None, None)
            kinds.update([kind] if kind else [])
            yield photo[0], photo[1], None if reject else name_of(run.features), kind, reason

    deleted = ((path, None, None, None, None) for path in comparison.store.column(run.deleted, DELETED.names[0]))
    with upload(s3, run.bucket, run.manifest_delta) as file:
        write_rows(file, MANIFEST, heapq.merge(featurized(), deleted, key=lambda row: row[0]))
    return kinds


def _write_whole(
    s3: S3Client, comparison: Comparison, moved: Mapping[str, str], rejects: Iterator[Row]
) -> Counter[str]:
    run, kinds = comparison.run, Counter[str]()
    photos = (_rows(comparison, compared, moved) for compared in comparison.stream())
    listed = (batch for batch in photos if batch.num_rows)
    with upload(s3, run.bucket, run.manifest) as file, batch_writer(file, MANIFEST) as write:
        for batch, found in aligned(listed, of_rows(rejects, REJECTS), (MANIFEST, REJECTS)):
            rows = _with_rejects(batch, found, name_of(run.features)) if found.num_rows else batch
            write(rows)
            counts = rows["kind"].drop_null().value_counts()
            for kind, count in zip(counts.field(0).to_pylist(), counts.field(1).to_pylist(), strict=True):
                kinds[kind] += count
    return kinds


def _rows(comparison: Comparison, compared: Compared, moved: Mapping[str, str]) -> pyarrow.RecordBatch:
    """Return the rows of the listed photos as if step 1 had rejected no photo."""
    import pyarrow
    import pyarrow.compute as pc

    work, places = array_of(comparison.work(compared)), array_of(compared.places)
    before = compared.published.take(pc.if_else(pc.less(places, 0), None, places))
    runs, none = before["run"], pyarrow.scalar(None, pyarrow.string())
    for old, into in moved.items():
        runs = pc.if_else(pc.fill_null(pc.equal(runs, old), False), into, runs)
    columns = [
        compared.listed["path"],
        compared.listed["etag"],
        pc.if_else(work, name_of(comparison.run.features), runs),
        *(pc.if_else(work, none, before[name]) for name in ("kind", "reason")),
    ]
    return pyarrow.RecordBatch.from_arrays(columns, schema=MANIFEST.arrow)


def _with_rejects(photos: pyarrow.RecordBatch, rejects: pyarrow.RecordBatch, new: str) -> pyarrow.RecordBatch:
    """Return the rows with the rejects of the feature run `new`."""
    import numpy
    import pyarrow

    rows = photos.num_rows
    order = numpy.arange(rows)
    for number, (place, found) in enumerate(places_of(rejects["path"].to_pylist(), photos)):
        # The checks report paths that are rejected twice, or that are not in work.parquet.
        if found and photos["run"][place].as_py() == new:
            order[place] = rows + number
    no_runs = pyarrow.nulls(rejects.num_rows, pyarrow.string())
    others = {"run": no_runs, "kind": rejects["kind"], "reason": rejects["reason"]}
    columns = {name: photos[name] for name in MANIFEST.names}
    for name, values in others.items():
        columns[name] = pyarrow.concat_arrays([photos[name], values]).take(array_of(order))
    return pyarrow.RecordBatch.from_arrays([*columns.values()], schema=MANIFEST.arrow)
