"""Reads the current rows after a run: the rows of its feature runs that are not deleted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from verger.changes.plan import Plan
from verger.tables import manifest
from verger.tables.parquet import Store
from verger_contract.keys import Run
from verger_contract.schemas import DELETES

if TYPE_CHECKING:
    import pyarrow


def batches(store: Store, run: Run, plan: Plan, columns: Sequence[str]) -> Iterator[pyarrow.RecordBatch]:
    """Yield the current rows of features in batches."""
    deletes = _deletes(store, run, plan)
    for feature_run in plan.features_of(run):
        for batch in store.batches(Run(run.bucket, feature_run).features, columns):
            deleted = deletes.get(feature_run)
            yield _without(batch, deleted) if deleted else batch


def versions(store: Store, run: Run, plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield path and ETag of every current row of features."""
    for batch in batches(store, run, plan, ("path", "etag")):
        yield from zip(batch.column("path").to_pylist(), batch.column("etag").to_pylist(), strict=True)


def featurized(store: Store, run: Run, plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield path and ETag of every photo of the manifest that is not rejected."""
    return ((path, etag) for path, etag, _, kind, _ in manifest.rows(store, plan.manifest_keys(run)) if kind is None)


def _deletes(store: Store, run: Run, plan: Plan) -> dict[str, frozenset[str]]:
    """Return the deleted paths of each kept feature run. Compaction limits their number."""
    found: dict[str, set[str]] = {kept.run: set() for kept in plan.keep}
    for path, feature_run in store.rows(run.deletes, DELETES.names):
        if feature_run in found:
            found[feature_run].add(path)
    return {feature_run: frozenset(paths) for feature_run, paths in found.items()}


def _without(batch: pyarrow.RecordBatch, deletes: frozenset[str]) -> pyarrow.RecordBatch:
    import pyarrow

    return batch.filter(
        pyarrow.array([path not in deletes for path in batch.column("path").to_pylist()], pyarrow.bool_())
    )
