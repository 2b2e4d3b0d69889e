"""The suspects of the publication: a page of them, and those of one photo."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from verger.publication.model import Publication, Snapshot
from verger.report.suspects.table import Suspect
from verger_contract.schemas import MOST_SUSPECTS
from verger_ui.sources import suspect_tables
from verger_ui.sources.bucket import Bucket
from verger_ui.sources.suspect_tables import Neighbour

PER_PAGE = 20
NEIGHBOURS = 6
"""Neighbours of a photo that a page shows."""


@dataclass(frozen=True)
class SuspectsPage:
    """A page of the suspects.

    Attributes
    ----------
    kinds : sequence of (str, str)
        Each kind that occurs, and its number of photos in words.
    kind, label : str
        What is shown; empty for all.
    rows : sequence of Suspect
    page, pages, total : int
        Number of the page, from 1; number of pages; number of the suspects of all pages.
    compared, reference : int
        How many photos the publishing run compared, and with how many.
    """

    kinds: Sequence[tuple[str, str]]
    kind: str
    label: str
    rows: Sequence[Suspect]
    page: int
    pages: int
    total: int
    compared: int
    reference: int

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the address that select the same suspects."""
        return {name: value for name, value in (("kind", self.kind), ("label", self.label)) if value}


def suspects_page(bucket: Bucket, snapshot: Snapshot, kind: str, label: str, number: int) -> SuspectsPage | None:
    """Return a page of the suspects, the last page for a larger number; None when the snapshot has no table."""
    found = suspect_tables.suspects(bucket, snapshot)
    if found is None:
        return None
    counts = Counter(row.kind for row in found.rows)
    shown = [row for row in found.rows if kind in ("", row.kind) and label in ("", row.label)]
    pages = max(-(-len(shown) // PER_PAGE), 1)
    number = min(number, pages)
    start = (number - 1) * PER_PAGE
    return SuspectsPage(
        kinds=[(name, f"{count:,}{' or more' if count >= MOST_SUSPECTS else ''}") for name, count in counts.items()],
        kind=kind,
        label=label,
        rows=shown[start : start + PER_PAGE],
        page=number,
        pages=pages,
        total=len(shown),
        compared=found.compared,
        reference=found.reference,
    )


@dataclass(frozen=True)
class NearPhoto:
    """What the page of a photo shows of the photos near it.

    Attributes
    ----------
    suspects : sequence of Suspect
        Why it is a suspect.
    has_sample : bool
        Whether the publication has a sample of photos with neighbours.
    """

    suspects: Sequence[Suspect]
    has_sample: bool


def near(bucket: Bucket, publication: Publication | None, path: str) -> NearPhoto:
    """Return why a photo of the current publication is a suspect."""
    if publication is None or not publication.current.run:
        return NearPhoto((), False)
    found = suspect_tables.suspects(bucket, publication.current)
    return NearPhoto([row for row in found.rows if row.path == path] if found else (), found is not None)


def neighbours(bucket: Bucket, snapshot: Snapshot, path: str) -> tuple[list[Neighbour], int]:
    """Return the neighbours of a photo, none if it is not in the sample, and the number of photos of the sample."""
    sample = suspect_tables.sample(bucket, snapshot)
    if sample is None:
        return [], 0
    return sample.neighbours(path, NEIGHBOURS) or [], len(sample.photos)
