"""The rows that are current after a run: of the feature runs that it keeps and makes, those that are not dead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from verger.changes.plan import Plan
from verger.tables.parquet import Store
from verger_contract.keys import Run
from verger_contract.schemas import DELETES

if TYPE_CHECKING:
    import pyarrow


def batches(store: Store, run: Run, plan: Plan, columns: Sequence[str]) -> Iterator[pyarrow.RecordBatch]:
    """Current rows of features, batch by batch."""
    deletes = _dead(store, run, plan)
    for id in plan.features_of(run):
        for batch in store.batches(Run(run.bucket, id).features, columns):
            gone = deletes.get(id)
            yield _without(batch, gone) if gone else batch


def versions(store: Store, run: Run, plan: Plan) -> Iterator[tuple[str, str]]:
    """Path and etag of every current row of features."""
    for batch in batches(store, run, plan, ("path", "etag")):
        yield from zip(batch.column("path").to_pylist(), batch.column("etag").to_pylist(), strict=True)


def readable(store: Store, run: Run) -> Iterator[tuple[str, str]]:
    """Path and etag of every photo of the manifest that was not rejected."""
    return ((path, etag) for path, etag, kind in store.rows(run.manifest, ("path", "etag", "kind")) if kind is None)


def _dead(store: Store, run: Run, plan: Plan) -> dict[str, frozenset[str]]:
    """Paths of dead rows by feature run that is kept: few, or those runs would not have been kept."""
    found: dict[str, set[str]] = {kept.run: set() for kept in plan.keep}
    for path, id in store.rows(run.deletes, DELETES.names):
        if id in found:
            found[id].add(path)
    return {id: frozenset(paths) for id, paths in found.items()}


def _without(batch: pyarrow.RecordBatch, deletes: frozenset[str]) -> pyarrow.RecordBatch:
    import pyarrow

    return batch.filter(
        pyarrow.array([path not in deletes for path in batch.column("path").to_pylist()], pyarrow.bool_())
    )
