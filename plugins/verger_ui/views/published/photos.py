"""Finds photos of the publication by a part of their key, and the history of one photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from verger.publication.model import Publication, Snapshot
from verger_contract.photos import folder_of as folder
from verger_ui.sources import photo_rows
from verger_ui.sources.bucket import Bucket
from verger_ui.sources.photo_rows import MissingManifestError, Photo

MOST = 100
"""Photos that a search shows."""


@dataclass(frozen=True)
class Found:
    """The result of a search: the first photos, and the number of all."""

    part: str
    photos: Sequence[Photo]
    total: int


@dataclass(frozen=True)
class Past:
    """A photo in a kept publication; `photo` is None when the publication does not have it."""

    snapshot: Snapshot
    photo: Photo | None


@dataclass(frozen=True)
class PhotoPage:
    """A photo: its label, and its state in the kept publications, the current one first."""

    path: str
    label: str
    history: Sequence[Past]

    @property
    def now(self) -> Photo | None:
        """Its row in the current publication."""
        return self.history[0].photo


def search(bucket: Bucket, publication: Publication | None, part: str) -> Found:
    """Return the photos of the current publication whose key contains a text."""
    if publication is None or not publication.current.run or not part:
        return Found(part, (), 0)
    photos, total = photo_rows.search(bucket, publication.current, part, MOST)
    return Found(part, photos, total)


def photo_page(bucket: Bucket, publication: Publication | None, path: str) -> PhotoPage | None:
    """Return the page of a photo; None when no kept publication has it."""
    history = [Past(kept, _in(bucket, kept, path)) for kept in (publication.kept if publication else ()) if kept.run]
    if not any(past.photo for past in history):
        return None
    return PhotoPage(path, folder(path), history)


def _in(bucket: Bucket, kept: Snapshot, path: str) -> Photo | None:
    try:
        return next(iter(photo_rows.with_facts(bucket, kept, [path])), None)
    except MissingManifestError:
        return None
