"""Photos drawn by lot, the same ones each time: for the map, and to be shown. Nothing grows with the tables."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from verger.tables.parquet import Store
from verger.validation.fingerprint import digest
from verger_contract.keys import Run

if TYPE_CHECKING:
    import numpy

ON_MAP = 3000
"""Photos on the map."""

MOST_BYTES = 512 * 1024 * 1024
"""How much of the coordinates is read for the map: of a larger table, some of its files."""

MOST_FEATURES = 8 * 1024 * 1024 * 1024
"""The same of the features, of which only paths and labels are read."""

DRAWN = 600
"""Photos among which those that are shown are chosen, so that they have different labels."""

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Map:
    """`points`: float64, (photos, 2), the first two coordinates; 0 where there is no second. `whole`: all photos."""

    labels: list[str]
    points: numpy.ndarray
    whole: bool


class Lot:
    """Keeps the `size` rows whose keys have the smallest hashes: a random sample that does not depend on the order."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._heap: list[tuple[int, int, Row]] = []
        self.seen = 0

    def offer(self, key: str, row: Callable[[], Row]) -> None:
        """`row` is only made when it is kept."""
        self.seen += 1
        hashed = digest(key)
        if len(self._heap) < self._size:
            heapq.heappush(self._heap, (-hashed, self.seen, row()))
        elif hashed < -self._heap[0][0]:
            heapq.heapreplace(self._heap, (-hashed, self.seen, row()))

    def rows(self) -> list[Row]:
        """In the order of their hashes."""
        return [row for _, _, row in sorted(self._heap, key=lambda kept: -kept[0])]


def of_map(store: Store, run: Run, size: int = ON_MAP, most_bytes: int = MOST_BYTES) -> Map:
    """A sample of the coordinates of all current photos. A table larger than `most_bytes` is read in part: as many of
    its files, drawn by lot as well, as have that size together, one at least.
    """
    import numpy

    lot = Lot(size)
    keys, whole = _files(store, run.pca, most_bytes)
    for key in keys:
        for batch in store.batches(key, ("path", "label", "pca_features")):
            _offer(lot, batch)
    rows = lot.rows()
    points = numpy.array([row[1:] for row in rows], numpy.float64).reshape(-1, 2)
    return Map([row[0] for row in rows], points, whole and lot.seen <= size)


def _offer(lot: Lot, batch: Any) -> None:
    from pyarrow import compute

    paths, labels = batch.column("path").to_pylist(), batch.column("label").to_pylist()
    vectors = batch.column("pca_features")
    width = compute.min(compute.list_value_length(vectors)).as_py() or 0
    first, second = (
        compute.list_element(vectors, place).to_pylist() if place < width else [0.0] * len(paths) for place in (0, 1)
    )
    for path, *row in zip(paths, labels, first, second, strict=True):
        lot.offer(path, lambda row=row: tuple(row))  # type: ignore[misc]


def _files(store: Store, prefix: str, most_bytes: int) -> tuple[list[str], bool]:
    """Files of a table, `most_bytes` of them at the most but one at least; and whether these are all."""
    sizes = store.sizes(prefix)
    chosen, taken = list[str](), 0
    for key in sorted(sizes, key=lambda key: digest(key.rpartition("/")[2])):
        if chosen and taken + sizes[key] > most_bytes:
            break
        chosen.append(key)
        taken += sizes[key]
    return sorted(chosen), len(chosen) == len(sizes)


def new_photos(store: Store, run: Run, count: int) -> list[tuple[str, str]]:
    """Path and label of some that the run featurized, of as many labels as there are, in the order of the labels."""
    lot = Lot(DRAWN)
    for key in _files(store, run.features, MOST_FEATURES)[0]:
        for path, label in store.rows(key, ("path", "label")):
            lot.offer(path, lambda row=(path, label): row)  # type: ignore[misc]
    return sorted(_spread(lot.rows(), count, lambda row: row[1]), key=lambda row: (row[1], row[0]))


def rejects(store: Store, run: Run, count: int) -> list[tuple[str, str]]:
    """Path and reason of some that the run rejected, for as many kinds of reasons as there are."""
    lot = Lot(DRAWN)
    for path, reason in store.rows(run.rejects, ("path", "reason")):
        lot.offer(path, lambda row=(path, reason): row)  # type: ignore[misc]
    return sorted(_spread(lot.rows(), count, lambda row: kind(row[1])), key=lambda row: (row[1], row[0]))


def kind(reason: str) -> str:
    """The kind of a reject's reason: what stands before the details in parentheses."""
    return reason.partition(" (")[0]


def _spread(rows: list[Row], count: int, of: Callable[[Row], str]) -> Iterator[Any]:
    """`count` of the rows: one of each kind, then a second of each, and so on."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(of(row), []).append(row)
    turns = sorted((turn, order, row) for order, group in enumerate(groups.values()) for turn, row in enumerate(group))
    return (row for _, _, row in turns[:count])
