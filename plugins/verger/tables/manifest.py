"""Reads a manifest, which is one table and the deltas of later runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from verger.tables import sorted_batches
from verger.tables.parquet import Store
from verger.tables.sorted_batches import Row
from verger_contract.keys import uri
from verger_contract.schemas import MANIFEST

if TYPE_CHECKING:
    import pyarrow

ROWS_PER_BATCH = 32_768
"""Rows of a batch of paths and ETags: some 3 MB."""


def batches(store: Store, keys: Sequence[str]) -> Iterator[pyarrow.RecordBatch]:
    """Yield the current rows of a manifest by path, as if it were one table (see `verger_contract.schemas.MANIFEST`).

    Memory does not grow with the rows. No batch is empty.

    Parameters
    ----------
    keys
        The parts of the manifest, oldest first (see `verger_contract.keys.manifest_keys`).

    Raises
    ------
    TableError
        A part is damaged, or not in order.
    """
    base, *deltas = keys
    rows = sorted_batches.increasing(store.batches(base, MANIFEST.names, ROWS_PER_BATCH), uri(store.bucket, base))
    if not deltas:
        yield from rows
        return
    newest = sorted_batches.newest([store.rows(key, MANIFEST.names) for key in reversed(deltas)])
    delta = sorted_batches.increasing(sorted_batches.of_rows(newest, MANIFEST), uri(store.bucket, deltas[-1]))
    yield from sorted_batches.overlaid(rows, delta, MANIFEST)


def rows(store: Store, keys: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of `batches` one by one."""
    from verger.tables.parquet import rows_of

    return rows_of(batches(store, keys), MANIFEST.names)
