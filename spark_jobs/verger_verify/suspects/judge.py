"""Compares photos with the reference, and returns those that are suspects."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verger_contract.schemas import SuspectKind
from verger_verify.suspects import outliers
from verger_verify.suspects.found import Suspect, Suspects
from verger_verify.suspects.labels import LEAST_SHARE, NEIGHBOURS, disagreement
from verger_verify.suspects.nearest import NONE, Nearest, nearest
from verger_verify.suspects.outliers import Typical
from verger_verify.suspects.reference import Reference

DUPLICATE_SHARE = 0.05
"""Near duplicates lie closer together than this share of the spread of all photos, and than ``DUPLICATE_OF_TYPICAL``.

Copies of a file, also in another lossless format, lie at the distance 0. Neighbouring frames of a film lie farther
apart.
"""

DUPLICATE_OF_TYPICAL = 0.25
"""And closer than this share of the typical distance of the label: where few coordinates separate the labels, all
photos of a label are near each other."""

DUPLICATE_IN_SMALL_LABEL = 0.01
"""The share of the spread for a label that is too small to have a typical distance."""

LEAST_SHARE_OF_SPREAD = 0.001
"""A typical distance is at least this share of the spread, also of a label that has only copies of one photo."""


@dataclass(frozen=True)
class Photos:
    """Some photos. `coordinates` has the shape (photos, k), float32, with the k of the reference."""

    paths: Sequence[str]
    labels: Sequence[str]
    coordinates: NDArray[np.float32]


@dataclass(frozen=True)
class Judge:
    """Finds the suspects among photos, by their distances to the photos of a reference."""

    reference: Reference
    _typical: dict[str, Typical | None] = field(default_factory=dict)

    def suspects(self, photos: Photos) -> Suspects:
        """Return the suspects among some photos.

        A photo whose label disagrees with its neighbours is no outlier too: it lies far from its label for that reason.
        """
        if not photos.coordinates.size or not self.reference.coordinates.size:
            return Suspects(photos=len(photos.paths))
        own = np.array([self.reference.positions.get(path, NONE) for path in photos.paths])
        found = nearest(photos.coordinates, self.reference.coordinates, own, NEIGHBOURS)
        shares = self._disagreement(photos, own, found)
        ratios = self._outliers(photos, own)
        rows: list[Suspect] = []
        for row, (path, label) in enumerate(zip(photos.paths, photos.labels, strict=True)):
            kind, score = SuspectKind.LABEL_DISAGREES, float(shares[row])
            if score < LEAST_SHARE:
                kind, score = SuspectKind.OUTLIER, float(ratios[row])
            if score > 0:
                places = np.flatnonzero(found.positions[row] != NONE).tolist()
                rows.append(Suspect(path, label, kind, score, **self._neighbours(found, row, places)))
            near = np.flatnonzero(found.distances[row] <= self._duplicate_distance(label)).tolist()
            copies = [place for place in near if self._is_named_after(path, int(found.positions[row, place]))]
            if copies:
                score = 1 - float(found.distances[row, copies[0]]) / (self.reference.spread or 1.0)
                copied = self._neighbours(found, row, copies)
                rows.append(Suspect(path, label, SuspectKind.NEAR_DUPLICATE, score, **copied))
        return Suspects().plus(Suspects(rows, len(photos.paths)))

    def _neighbours(self, found: Nearest, row: int, places: Sequence[int]) -> dict[str, Any]:
        """Return the members of a suspect that describe its neighbours."""
        positions = [int(found.positions[row, place]) for place in places]
        return {
            "neighbours": tuple(self.reference.paths[position] for position in positions),
            "neighbour_labels": tuple(self.reference.labels[position] for position in positions),
            "distances": tuple(float(found.distances[row, place]) for place in places),
        }

    def _duplicate_distance(self, label: str) -> float:
        """Return how near the near duplicates of a photo of that label are at most."""
        typical = self._of_label(label)
        if typical is None:
            return DUPLICATE_IN_SMALL_LABEL * self.reference.spread
        return min(DUPLICATE_SHARE * self.reference.spread, DUPLICATE_OF_TYPICAL * math.exp(typical.median))

    def _is_named_after(self, path: str, position: int) -> bool:
        """Whether a photo is listed as the copy of one of the reference: it is newer, or has the larger path.

        So a pair is listed once.
        """
        other = self.reference.paths[position]
        return other < path or other not in self.reference.new or path not in self.reference.positions

    def _disagreement(self, photos: Photos, own: NDArray[np.int64], found: Nearest) -> NDArray[np.float64]:
        codes = {label: code for code, label in enumerate(self.reference.rows_of)}
        of_reference = np.array([codes[label] for label in self.reference.labels])
        labels = np.array([codes.get(label, len(codes)) for label in photos.labels])
        neighbours = np.where(found.positions == NONE, -1, of_reference[found.positions])
        counts = np.array([len(self.reference.rows_of.get(label, ())) for label in photos.labels])
        return disagreement(labels, neighbours, counts - (own != NONE))

    def _outliers(self, photos: Photos, own: NDArray[np.int64]) -> NDArray[np.float64]:
        ratios = np.zeros(len(photos.paths))
        for label, rows in _by_label(photos.labels):
            typical = self._of_label(label)
            if typical is None:
                continue
            start, size = self.reference.rows_of[label].start, len(self._coordinates(label))
            places = np.where((own[rows] == NONE) | (own[rows] - start >= size), NONE, own[rows] - start)
            distances = outliers.distance(photos.coordinates[rows], self._coordinates(label), places, self._least)
            ratios[rows] = typical.ratios(distances)
        return ratios

    def _of_label(self, label: str) -> Typical | None:
        if label not in self._typical:
            self._typical[label] = Typical.of(self._coordinates(label), self._least)
        return self._typical[label]

    def _coordinates(self, label: str) -> NDArray[np.float32]:
        rows = self.reference.rows_of.get(label, range(0))[: outliers.MOST_PHOTOS]
        return self.reference.coordinates[rows.start : rows.stop]

    @cached_property
    def _least(self) -> float:
        return LEAST_SHARE_OF_SPREAD * self.reference.spread or 1.0


def _by_label(labels: Sequence[str]) -> Iterator[tuple[str, NDArray[np.int64]]]:
    rows: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        rows.setdefault(label, []).append(row)
    for label, of_label in rows.items():
        yield label, np.array(of_label)
