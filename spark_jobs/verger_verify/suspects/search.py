"""Searches the coordinates of a run for suspects, and updates the reference and the suspects of the publication.

With the basis kept, a run reads its own coordinates and the published reference: the time depends on the new photos.
With a new basis, or without a published reference, all coordinates are read. They are read once more than they are
compared: first the hashes of the paths choose the photos of the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from verger_verify.suspects.found import Suspects
from verger_verify.suspects.judge import Judge, Photos
from verger_verify.suspects.reference import FEWEST_OF_A_LABEL, MOST, Reference, hashed, leading, level

COLUMNS = ("path", "label", "pca_features")
"""The columns that `Rows` yields."""

FEW = 2000
"""So few photos are compared where they were collected, without reading them again."""

Part: TypeAlias = Any
Rows: TypeAlias = Callable[[Part], Iterator[pa.RecordBatch]]
"""Yields the photos of a part of the tables, in batches with the columns ``COLUMNS``."""


class Mergeable(Protocol):
    """A result of which two can be put together."""

    def plus(self: Result, other: Result) -> Result:
        """Return the result for the parts of both."""


Result = TypeVar("Result", bound=Mergeable)


class Over(Protocol):
    """Returns the results of all parts put together, for a function that reads one part."""

    def __call__(self, read: Callable[[Part], Result], none: Result) -> Result:
        """Call `read` with each part. `none` is the result of no parts."""


@dataclass(frozen=True)
class Before:
    """What an earlier run found: the reference and the suspects, of photos that are still current."""

    reference: Reference = field(default_factory=Reference.empty)
    suspects: Suspects = field(default_factory=Suspects)

    def without(self, paths: Collection[str]) -> Before:
        """Return it without some photos."""
        return Before(self.reference.without(paths), self.suspects.without(paths)) if paths else self


def search(over: Over, rows: Rows, photos: int, before: Before, run: str) -> Before:
    """Compare photos with the reference and with each other.

    Photos that are not in the reference are not compared with each other: this concerns publications of more than
    ``MOST`` photos, and there only near duplicates.

    Parameters
    ----------
    over, rows : callable
    photos : int
        The number of photos, or more.
    before : Before
        What the published run found, without the photos that this run removes. Empty when all photos are compared.
    run : str
        The run, by which suspects are found.

    Returns
    -------
    Before
        Reference and suspects after the run.
    """
    largest = None
    if photos > MOST:
        largest = over(ReadHashes(rows), Hashes()).largest()
    collected = over(Collect(rows, largest), Collected())
    new = collected.photos()
    reference = before.reference.plus(Reference.of(new.paths, new.labels, new.coordinates, new=True)).bounded()
    judge = Judge(reference)
    found = judge.suspects(new) if photos <= FEW else over(Compare(rows, judge), Suspects())
    return Before(reference, Suspects(before.suspects.rows).plus(found.found_by(run)))


def photos_of(batch: pa.RecordBatch) -> Photos:
    """Return the photos of a batch. Their coordinates must be verified: finite, and all of the same number."""
    flat = batch.column("pca_features").flatten().to_numpy(zero_copy_only=False)
    matrix: NDArray[np.float64] = flat.reshape(len(batch), len(flat) // max(len(batch), 1))
    return Photos(batch.column("path").to_pylist(), batch.column("label").to_pylist(), leading(matrix))


@dataclass
class Hashes:
    """The smallest hashes of the paths of each label, at most ``MOST`` of each."""

    by_label: dict[str, list[int]] = field(default_factory=dict)

    def plus(self, other: Hashes) -> Hashes:
        """Return the hashes of both."""
        labels = {**self.by_label, **other.by_label}
        both = {label: [*self.by_label.get(label, ()), *other.by_label.get(label, ())] for label in labels}
        return Hashes({label: sorted(values)[:MOST] for label, values in both.items()})

    def largest(self) -> dict[str, int]:
        """Return the largest hash that a photo of the reference has, by label."""
        labels = sorted(self.by_label, key=hashed)[: MOST // FEWEST_OF_A_LABEL]
        each = level([len(self.by_label[label]) for label in labels], MOST)
        return {label: self.by_label[label][:each][-1] for label in labels}


@dataclass(frozen=True)
class ReadHashes:
    """Reads the hashes of a part."""

    rows: Rows

    def __call__(self, part: Part) -> Hashes:
        """Return the hashes of a part."""
        found = Hashes()
        for batch in self.rows(part):
            for path, label in zip(batch.column("path").to_pylist(), batch.column("label").to_pylist(), strict=True):
                found.by_label.setdefault(label, []).append(hashed(path))
        return found.plus(Hashes())


@dataclass
class Collected:
    """Photos that may be in the reference."""

    parts: list[Photos] = field(default_factory=list)

    def plus(self, other: Collected) -> Collected:
        """Return the photos of both."""
        return Collected([*self.parts, *other.parts])

    def photos(self) -> Photos:
        """Return all photos."""
        parts = [part for part in self.parts if len(part.paths)]
        if not parts:
            return Photos([], [], np.empty((0, 0), np.float32))
        return Photos(
            [path for part in parts for path in part.paths],
            [label for part in parts for label in part.labels],
            np.concatenate([part.coordinates for part in parts]),
        )


@dataclass(frozen=True)
class Collect:
    """Collects the photos of a part: all, or those whose hash is not larger than that of their label."""

    rows: Rows
    largest: dict[str, int] | None = None

    def __call__(self, part: Part) -> Collected:
        """Return the photos of a part."""
        return Collected([photos_of(self._chosen(batch)) for batch in self.rows(part)])

    def _chosen(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if self.largest is None:
            return batch
        paths, labels = (batch.column(name).to_pylist() for name in ("path", "label"))
        chosen = [hashed(path) <= self.largest.get(label, -1) for path, label in zip(paths, labels, strict=True)]
        return batch.filter(pa.array(chosen, pa.bool_()))


@dataclass(frozen=True)
class Compare:
    """Compares the photos of a part with the reference."""

    rows: Rows
    judge: Judge

    def __call__(self, part: Part) -> Suspects:
        """Return the suspects of a part."""
        found = Suspects()
        for batch in self.rows(part):
            found = found.plus(self.judge.suspects(photos_of(batch)))
        return found
