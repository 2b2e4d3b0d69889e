"""Reads the table of suspects, and counts them by kind and label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from verger_contract.keys import SUSPECTS_FILE, Run
from verger_contract.report import SuspectFacts
from verger_contract.schemas import SUSPECTS, SuspectKind

if TYPE_CHECKING:
    import pyarrow


@dataclass(frozen=True)
class Suspect:
    """A row of the table (see `verger_contract.schemas.SUSPECTS`)."""

    path: str
    label: str
    kind: str
    score: float
    neighbours: tuple[str, ...]
    neighbour_labels: tuple[str, ...]
    distances: tuple[float, ...]
    run: str

    @property
    def is_across_labels(self) -> bool:
        """Whether a neighbour has another label."""
        return any(label != self.label for label in self.neighbour_labels)

    @property
    def questions_label(self) -> bool:
        """Whether the label of the photo may be wrong, or the photo does not belong to the others."""
        return self.kind != SuspectKind.NEAR_DUPLICATE

    @property
    def score_in_words(self) -> str:
        """What the score says."""
        if self.kind == SuspectKind.LABEL_DISAGREES:
            return f"{self.score:.0%} of the neighbours' votes are for other labels"
        if self.kind == SuspectKind.OUTLIER:
            return f"{self.score:.1f} times the typical distance of its label away"
        return "the same coordinates" if self.score == 1 else f"similarity {self.score:.3f}"


@dataclass(frozen=True)
class Suspects:
    """The suspects of a publication.

    Attributes
    ----------
    rows : tuple of Suspect
        By kind, the highest score first.
    compared, reference : int
        How many photos the run compared, and with how many.
    """

    rows: tuple[Suspect, ...]
    compared: int
    reference: int

    @classmethod
    def of(cls, table: pyarrow.Table) -> Suspects:
        """Return the suspects of a table.

        Raises
        ------
        KeyError
            It is no table of suspects.
        """
        rows = (_row(row) for row in table.select([*SUSPECTS.names]).to_pylist())
        facts = {name.decode(): value.decode() for name, value in (table.schema.metadata or {}).items()}
        return cls(tuple(rows), _count(facts, "photos"), _count(facts, "reference"))


def _row(values: Mapping[str, Any]) -> Suspect:
    lists = {name: tuple(values[name] or ()) for name in ("neighbours", "neighbour_labels", "distances")}
    return Suspect(**{**values, **lists})


def _count(facts: Mapping[str, str], name: str) -> int:
    return int(facts[name]) if facts.get(name, "").isdigit() else 0


def read(content_of: Callable[[str], bytes], run: Run) -> Suspects | None:
    """Return the suspects of a run; None when there is no table: an earlier Verger published the run.

    `content_of` returns the content of a key, and raises FileNotFoundError for a missing object.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        content = content_of(f"{run.suspects}{SUSPECTS_FILE}")
    except FileNotFoundError:
        return None
    return Suspects.of(pyarrow.parquet.read_table(pyarrow.BufferReader(content)))


def facts(found: Suspects | None) -> SuspectFacts | None:
    """Return the figures for report.json, which names no photo."""
    if found is None:
        return None
    counts = Counter(row.kind for row in found.rows)
    return {
        "compared": found.compared,
        "reference": found.reference,
        "kinds": {kind.value: counts[kind.value] for kind in SuspectKind},
        "duplicates_across_labels": sum(
            row.kind == SuspectKind.NEAR_DUPLICATE and row.is_across_labels for row in found.rows
        ),
    }


def by_label(rows: Iterable[Suspect], run: str = "") -> Counter[str]:
    """Return the number of suspects of each label, without near duplicates; with a run, of those that it found."""
    return Counter(row.label for row in rows if row.questions_label and run in ("", row.run))
