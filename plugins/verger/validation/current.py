"""Reads the current rows after a run: the rows of its feature runs that are not deleted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from verger.changes.plan import Plan
from verger.tables import manifest
from verger.tables.parquet import Store
from verger_contract.keys import Run
from verger_contract.schemas import DELETES

if TYPE_CHECKING:
    import pyarrow

ROWS = 65_536
"""Rows of a batch of the manifest."""


def batches(
    store: Store, run: Run, plan: Plan, columns: Sequence[str], feature_runs: Iterable[str]
) -> Iterator[pyarrow.RecordBatch]:
    """Yield the current rows of feature runs in batches."""
    deletes = _deletes(store, run, plan)
    for feature_run in feature_runs:
        for batch in store.batches(Run(run.bucket, feature_run).features, columns):
            deleted = deletes.get(feature_run)
            yield _without(batch, deleted) if deleted else batch


def coordinates(
    store: Store, run: Run, columns: Sequence[str], *, new: str, others: bool
) -> Iterator[pyarrow.RecordBatch]:
    """Yield the coordinates that the run wrote, in batches: those of the feature run `new`, or all other ones."""
    from pyarrow import compute

    for batch in store.batches(run.pca, columns):
        is_new = compute.equal(compute.fill_null(batch.column("features_run"), ""), new)
        yield batch.filter(compute.invert(is_new) if others else is_new)


def versions(store: Store, run: Run, plan: Plan, feature_runs: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield path and ETag of every current row of feature runs."""
    for batch in batches(store, run, plan, ("path", "etag"), feature_runs):
        yield from zip(batch.column("path").to_pylist(), batch.column("etag").to_pylist(), strict=True)


def featurized(
    store: Store, run: Run, plan: Plan, feature_runs: Iterable[str], column: str
) -> Iterator[tuple[str, str]]:
    """Yield path and another column of every photo of the manifest whose features are in one of the feature runs."""
    import pyarrow
    from pyarrow import compute

    wanted = pyarrow.array([*feature_runs], pyarrow.string())
    for batch in manifest.batches(store, plan.manifest_keys(run)):
        rows = batch.filter(compute.is_in(batch.column("run"), value_set=wanted))
        yield from zip(rows.column("path").to_pylist(), rows.column(column).to_pylist(), strict=True)


def removed(store: Store, run: Run) -> Iterator[pyarrow.RecordBatch]:
    """Yield the features of the published rows that the run removes, in batches.

    Of each file the row groups are read in which such a path may lie, by the statistics in the footer.
    """
    paths: dict[str, list[str]] = {}
    for path, feature_run in store.rows(run.removed, DELETES.names):
        paths.setdefault(feature_run, []).append(path)
    for feature_run, wanted in paths.items():
        yield from store.found(Run(run.bucket, feature_run).features, ("path", "features"), sorted(wanted))


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
