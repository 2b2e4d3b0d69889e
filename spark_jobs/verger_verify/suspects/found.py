"""The suspects that were found, in bounded number, and their table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from verger_contract.schemas import MOST_SUSPECTS, SUSPECTS, SuspectKind


@dataclass(frozen=True)
class Suspect:
    """A photo to look at.

    Attributes
    ----------
    path, label : str
    kind : SuspectKind
    score : float
        The higher, the more suspicious (see `verger_contract.schemas.SUSPECTS`).
    neighbours, neighbour_labels : tuple of str
        Paths and labels of the photos that it was compared with, the nearest one first.
    distances : tuple of float
        Distances to these.
    run : str
        The run that found it; empty until the run is known.
    """

    path: str
    label: str
    kind: SuspectKind
    score: float
    neighbours: tuple[str, ...]
    neighbour_labels: tuple[str, ...]
    distances: tuple[float, ...]
    run: str = ""

    @property
    def rank(self) -> tuple[bool, float, str]:
        """The key by which suspects of a kind are sorted: near duplicates across labels come first."""
        within = self.kind is SuspectKind.NEAR_DUPLICATE and all(label == self.label for label in self.neighbour_labels)
        return within, -self.score, self.path

    def without(self, paths: Collection[str]) -> Suspect | None:
        """Return the suspect without some neighbours; None when it has none left."""
        kept = [place for place, neighbour in enumerate(self.neighbours) if neighbour not in paths]
        if len(kept) == len(self.neighbours):
            return self
        if not kept:
            return None
        return replace(
            self,
            neighbours=tuple(self.neighbours[place] for place in kept),
            neighbour_labels=tuple(self.neighbour_labels[place] for place in kept),
            distances=tuple(self.distances[place] for place in kept),
        )


@dataclass
class Suspects:
    """The highest-ranked suspects of each kind, at most ``MOST_SUSPECTS`` of each.

    Attributes
    ----------
    rows : list of Suspect
    photos : int
        Photos that were compared.
    """

    rows: list[Suspect] = field(default_factory=list)
    photos: int = 0

    def plus(self, other: Suspects) -> Suspects:
        """Return the suspects of both. Of a path and kind that both have, the row of `other` counts."""
        rows = {(row.path, row.kind): row for row in (*self.rows, *other.rows)}
        return Suspects(_highest(rows.values()), self.photos + other.photos)

    def without(self, paths: Collection[str]) -> Suspects:
        """Return the suspects without some photos, which are also no neighbours any more."""
        rows = (row.without(paths) for row in self.rows if row.path not in paths)
        return Suspects([row for row in rows if row], self.photos)

    def found_by(self, run: str) -> Suspects:
        """Return the suspects with the name of the run that found them."""
        return Suspects([replace(row, run=run) for row in self.rows], self.photos)

    def table(self) -> pa.Table:
        """Return the rows in the columns of `SUSPECTS`, by kind and rank."""
        rows = [{**vars(row), "kind": row.kind.value} for row in _highest(self.rows)]
        return pa.Table.from_pylist(rows, schema=SUSPECTS.arrow)

    @classmethod
    def of(cls, table: pa.Table) -> Suspects:
        """Return the suspects of a table: the inverse of `table`.

        Raises
        ------
        KeyError, ValueError
            It is no table of suspects.
        """
        rows = table.select(list(SUSPECTS.names)).to_pylist()
        return cls([Suspect(**row | {name: of(row[name]) for name, of in _TYPES.items()}) for row in rows])


_TYPES: Mapping[str, Callable[[Any], Any]] = {
    "kind": SuspectKind,
    "neighbours": tuple,
    "neighbour_labels": tuple,
    "distances": tuple,
}


def _highest(rows: Iterable[Suspect]) -> list[Suspect]:
    by_kind: dict[SuspectKind, list[Suspect]] = {kind: [] for kind in SuspectKind}
    for row in rows:
        by_kind[row.kind].append(row)
    return [row for of_kind in by_kind.values() for row in sorted(of_kind, key=lambda row: row.rank)[:MOST_SUSPECTS]]
