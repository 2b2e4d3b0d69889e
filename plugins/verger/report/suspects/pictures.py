"""Draws the suspects that the report shows, with their neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verger.report.pictures.thumbnails import Thumbnail, small, thumbnail
from verger.report.suspects.table import Suspect, Suspects
from verger_contract.schemas import SuspectKind

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SHOWN = {SuspectKind.LABEL_DISAGREES: 16, SuspectKind.OUTLIER: 8, SuspectKind.NEAR_DUPLICATE: 8}
"""Suspects of each kind that the report shows: 400 kB of thumbnails at most. Most copies are of no interest."""

NEIGHBOURS = 4
"""Neighbours of each suspect that the report shows."""


@dataclass(frozen=True)
class Neighbour:
    """A neighbour of a suspect: its small thumbnail as a data: URI, or None."""

    path: str
    label: str
    picture: str | None


@dataclass(frozen=True)
class Drawn:
    """A suspect with its thumbnail and its neighbours."""

    suspect: Suspect
    photo: Thumbnail
    neighbours: Sequence[Neighbour]


def draw(s3: S3Client, bucket: str, found: Suspects | None) -> list[Drawn]:
    """Return the suspects with the highest scores of each kind."""
    chosen = [
        row
        for kind, most in SHOWN.items()
        for row in [row for row in (found.rows if found else ()) if row.kind == kind][:most]
    ]
    near = small(s3, bucket, sorted({path for row in chosen for path in row.neighbours[:NEIGHBOURS]}))
    return [
        Drawn(
            row,
            thumbnail(s3, bucket, row.path, row.label),
            [
                Neighbour(path, label, near.get(path))
                for path, label in zip(row.neighbours[:NEIGHBOURS], row.neighbour_labels, strict=False)
            ],
        )
        for row in chosen
    ]
