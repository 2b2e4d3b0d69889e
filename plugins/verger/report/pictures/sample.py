"""Random samples of photos for the map and the thumbnails. The same run gives the same sample, in bounded memory."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from verger.publication import coordinates
from verger.publication.model import Snapshot
from verger.tables.parquet import Store
from verger_contract.keys import Run
from verger_contract.photos import digest

if TYPE_CHECKING:
    import numpy

ON_MAP = 3000
"""Photos on the map."""

CANDIDATES = 2
"""Rows that are drawn for each photo on the map. At most half of the rows of a table are not current."""

MOST_BYTES = 512 * 1024 * 1024
"""Bytes of the coordinates that are read for the map. Of larger tables, some files are read."""

MOST_FEATURES = 8 * 1024 * 1024 * 1024
"""The same limit for the features, of which only paths and labels are read."""

DRAWN = 600
"""Sampled photos from which the thumbnails are chosen, so that they have different labels."""

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Map:
    """The photos of the map.

    Attributes
    ----------
    paths, labels : list of str
    points : numpy.ndarray
        float64, shape (photos, 2): the first two coordinates; 0 where there is no second one.
    complete : bool
        Whether these are all photos.
    """

    paths: list[str]
    labels: list[str]
    points: numpy.ndarray
    complete: bool


class Sample:
    """Keeps the `size` rows whose keys have the smallest hashes: a random sample that does not depend on the order."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._heap: list[tuple[int, int, Row]] = []
        self.seen = 0

    def offer(self, key: str, row: Callable[[], Row]) -> None:
        """Add a row to the sample. `row` is called only when the row is kept."""
        self.seen += 1
        hashed = digest(key)
        if len(self._heap) < self._size:
            heapq.heappush(self._heap, (-hashed, self.seen, row()))
        elif hashed < -self._heap[0][0]:
            heapq.heapreplace(self._heap, (-hashed, self.seen, row()))

    def rows(self) -> list[Row]:
        """Return the sampled rows in the order of their hashes."""
        return [row for _, _, row in sorted(self._heap, key=lambda kept: -kept[0])]


def of_map(store: Store, snapshot: Snapshot, size: int = ON_MAP, most_bytes: int = MOST_BYTES) -> Map:
    """Return a sample of the coordinates of all current photos.

    Parameters
    ----------
    store : Store
    snapshot : Snapshot
    size : int
        Photos of the sample.
    most_bytes : int
        Of larger tables, randomly chosen files of this total size are read, at least one.
    """
    import numpy

    sample, files = Sample(CANDIDATES * size), {file.key: file for file in coordinates.files(store, snapshot)}
    for key in _chosen({key: file.size for key, file in files.items()}, most_bytes):
        for batch in coordinates.batches(store, files[key], ("path", "label", "pca_features")):
            _offer(sample, batch)
    rows = coordinates.without_deleted(store, snapshot, sample.rows())[:size]
    points = numpy.array([row[3:] for row in rows], numpy.float64).reshape(-1, 2)
    return Map([row[0] for row in rows], [row[2] for row in rows], points, len(rows) == snapshot.photos)


def _offer(sample: Sample, batch: Any) -> None:
    from pyarrow import compute

    paths, *others = (batch.column(name).to_pylist() for name in ("path", "features_run", "label"))
    vectors = batch.column("pca_features")
    width = compute.min(compute.list_value_length(vectors)).as_py() or 0
    first, second = (
        compute.list_element(vectors, place).to_pylist() if place < width else [0.0] * len(paths) for place in (0, 1)
    )
    for row in zip(paths, *others, first, second, strict=True):
        sample.offer(row[0], lambda row=row: row)  # type: ignore[misc]


def _chosen(sizes: Mapping[str, int], most_bytes: int) -> list[str]:
    """Choose files, of `most_bytes` in total but at least one."""
    chosen, taken = list[str](), 0
    for key in sorted(sizes, key=digest):
        if chosen and taken + sizes[key] > most_bytes:
            break
        chosen.append(key)
        taken += sizes[key]
    return sorted(chosen)


def new_photos(store: Store, run: Run, count: int) -> list[tuple[str, str]]:
    """Return path and label of `count` photos that the run featurized, of as many labels as possible, by label."""
    sample = Sample(DRAWN)
    for key in _chosen(store.sizes(run.features), MOST_FEATURES):
        for path, label in store.rows(key, ("path", "label")):
            sample.offer(path, lambda row=(path, label): row)  # type: ignore[misc]
    return sorted(_spread(sample.rows(), count, lambda row: row[1]), key=lambda row: (row[1], row[0]))


def rejects(store: Store, run: Run, count: int) -> list[tuple[str, str]]:
    """Return path and reason of `count` photos that the run rejected, of as many kinds as possible, by reason."""
    sample = Sample(DRAWN)
    for row in store.rows(run.rejects, ("path", "reason", "kind")):
        sample.offer(row[0], lambda row=row: row)  # type: ignore[misc]
    chosen = _spread(sample.rows(), count, lambda row: row[2])
    return sorted(((path, reason) for path, reason, _ in chosen), key=lambda row: (row[1], row[0]))


def _spread(rows: list[Row], count: int, of: Callable[[Row], str]) -> Iterator[Any]:
    """Choose `count` rows: one of each group, then a second of each group, and so on."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(of(row), []).append(row)
    turns = sorted((turn, order, row) for order, group in enumerate(groups.values()) for turn, row in enumerate(group))
    return (row for _, _, row in turns[:count])
