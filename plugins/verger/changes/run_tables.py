"""The tables by which a run knows what to do, and what its publication says of each photo. Written in streams.

| table | when | rows |
| --- | --- | --- |
| work.parquet | before step 1 | photos that step 1 is given: path, etag, size |
| deletes.parquet | before step 1 | rows of feature runs that are kept, but that are current no longer: path, run |
| compacted_deletes.parquet | before step 1 | the same for the feature runs that step 2 rewrites |
| manifest.parquet | after step 1 | every listed photo: path, etag, and its feature run, or its reject's reason |
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verger.changes.compare import FEATURIZED, Compared, PhotoChange, Tally, compare
from verger.changes.plan import Plan
from verger.publication.model import Snapshot
from verger.tables.external_sort import Row, increasing, merged, outer_join, spool
from verger.tables.parquet import Store, read_rows, upload, write_rows, writer
from verger_contract.keys import Run
from verger_contract.schemas import DELETES, INVENTORY, MANIFEST, REJECTS, Table


@dataclass(frozen=True)
class Comparison:
    """Inventory of a run against the manifest of what is published; may be streamed again and again."""

    store: Store
    run: Run
    published: Snapshot | None
    full_refresh: bool
    """Every photo is featurized, whatever is published."""
    retry_all_rejects: bool

    def stream(self) -> Iterator[Compared]:
        """Every photo of either, by path."""
        inventory = self._rows(self.run.inventory, INVENTORY)
        known: Iterator[Row] = iter(())
        if self.published and self.published.run:
            known = self._rows(Run(self.run.bucket, self.published.run).manifest, MANIFEST)
        return compare(inventory, known, retry_all_rejects=self.retry_all_rejects)

    def is_work(self, compared: Compared) -> bool:
        """Whether step 1 is given this photo."""
        return compared.listed is not None and (self.full_refresh or compared.change in FEATURIZED)

    def is_dying(self, compared: Compared) -> bool:
        """Whether the photo's row in a feature run that stays is dead from now on."""
        gone = compared.change in (PhotoChange.CHANGED, PhotoChange.DELETED)
        return gone and not self.full_refresh and compared.known is not None and compared.known.run is not None

    def dead_before(self) -> Iterator[Row]:
        """What was dead already in feature runs that are still published."""
        if self.full_refresh or not self.published or not self.published.run:
            return iter(())
        current = {features.run for features in self.published.features}
        rows = self.store.rows(Run(self.run.bucket, self.published.run).deletes, DELETES.names)
        return (row for row in rows if row[1] in current)

    def _rows(self, key: str, table: Table) -> Iterator[Row]:
        return increasing(self.store.rows(key, table.names), self.run.uri(key))


def write_work(s3: Any, comparison: Comparison, decide: Callable[[Tally], Plan]) -> Plan:
    """Write what step 1 has to do and which rows of feature runs are dead from now on; `decide` makes the plan of what
    was counted on the way.
    """
    run, tally = comparison.run, Tally()
    with tempfile.TemporaryDirectory(prefix="verger-dead-") as scratch:
        dead_file = Path(scratch, "deletes.parquet")
        with (
            upload(s3, run.bucket, run.work) as work_file,
            writer(work_file, INVENTORY) as work,
            writer(dead_file, DELETES) as deletes,
        ):
            for row in comparison.dead_before():
                deletes(row)
            for compared in comparison.stream():
                tally.count(compared)
                if comparison.is_work(compared) and compared.listed:
                    work(compared.listed)
                if comparison.is_dying(compared) and compared.known:
                    deletes((compared.known.path, compared.known.run))
        plan = decide(tally)
        for key, runs in ((run.deletes, plan.keep), (run.compacted_deletes, plan.compact)):
            _write_dead_of(s3, run.bucket, key, dead_file, {features.run for features in runs})
    return plan


def _write_dead_of(s3: Any, bucket: str, key: str, deletes: Path, runs: Collection[str]) -> None:
    """Keep of the dead rows those of some feature runs."""
    with upload(s3, bucket, key) as file:
        write_rows(file, DELETES, (row for row in read_rows(deletes, DELETES.names) if row[1] in runs))


def write_manifest(s3: Any, comparison: Comparison, moved: Mapping[str, str]) -> tuple[int, int]:
    """Write where each photo of the inventory stands after step 1; how many photos there are, and rejects among them.

    `moved` gives for each feature run that step 2 rewrites the one that it is rewritten into.
    """
    run, photos, rejected = comparison.run, 0, 0
    with (
        tempfile.TemporaryDirectory(prefix="verger-rejects-") as scratch,
        upload(s3, run.bucket, run.manifest) as file,
        writer(file, MANIFEST) as manifest,
    ):
        rejects = spool(comparison.store.rows(run.rejects, REJECTS.names), REJECTS, Path(scratch))
        # A path that was rejected twice, or that was not to be done, is for the checks to find.
        for row, reject in outer_join(_standing_rows(comparison, moved), merged(rejects, REJECTS)):
            if row is None:
                continue
            path, etag, features, kind, reason = row
            if reject and features == run.id:
                features, kind, reason = None, reject[2], reject[3]
            manifest((path, etag, features, kind, reason))
            photos, rejected = photos + 1, rejected + (kind is not None)
    return photos, rejected


def _standing_rows(comparison: Comparison, moved: Mapping[str, str]) -> Iterator[Row]:
    """Manifest rows as if step 1 had rejected nothing."""
    for compared in comparison.stream():
        listed, known = compared.listed, compared.known
        if listed and comparison.is_work(compared):
            yield listed.path, listed.etag, comparison.run.id, None, None
        elif listed and known:
            features = moved.get(known.run, known.run) if known.run else None
            yield known.path, known.etag, features, known.kind, known.reason
