"""Compares the inventory with the published manifest: what changed for each photo.

The input is two sorted streams, the output one, so memory does not grow with the number of photos.

Only ETags are compared, never times: clocks may be wrong, and two versions of a photo may have the same second. An ETag
is an opaque string (that of a multipart upload is no MD5). A photo that is uploaded with another ETag counts as changed
even when its pixels are the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from verger.tables.external_sort import Row, outer_join
from verger_contract.reasons import RETRIED, RETRIED_WITH_OTHER_WORK
from verger_photo.limits.sizes import MAX_BYTES


class PhotoChange(Enum):
    """What changed for a photo of the inventory or of the published manifest."""

    NEW = "new"
    CHANGED = "changed"
    RETRY = "retry"
    """Rejected for a temporary reason: featurized like a new photo."""
    OPPORTUNISTIC_RETRY = "opportunistic_retry"
    """Rejected, but may be readable now: featurized whenever the run has other work."""
    LOST = "lost"
    """Published, but the file of its features is lost or damaged: featurized like a new photo."""
    UNCHANGED = "unchanged"
    DELETED = "deleted"


FEATURIZED = frozenset(
    {PhotoChange.NEW, PhotoChange.CHANGED, PhotoChange.RETRY, PhotoChange.OPPORTUNISTIC_RETRY, PhotoChange.LOST}
)
"""The changes after which step 1 featurizes the photo."""


class Listed(NamedTuple):
    """A row of the inventory; `size` in bytes."""

    path: str
    etag: str
    size: int


class Published(NamedTuple):
    """A row of a manifest: the feature run that holds the photo's features, or kind and reason of the reject.

    Without both, the features are lost (see `verger.changes.lost_files.without_lost`).
    """

    path: str
    etag: str
    run: str | None
    kind: str | None
    reason: str | None


class Compared(NamedTuple):
    """A photo: its change, and its rows in inventory and manifest, at least one of which is not None."""

    change: PhotoChange
    listed: Listed | None
    published: Published | None


def compare(
    inventory: Iterable[Row], manifest: Iterable[Row], *, retry_all_rejects: bool = False
) -> Iterator[Compared]:
    """Join inventory and manifest (full outer join), and add the change of each photo.

    Parameters
    ----------
    inventory, manifest
        Rows of the two tables in increasing order of paths.
    retry_all_rejects
        Whether every rejected photo may be readable now, for example with a new artifact set.
    """
    for left, right in outer_join(inventory, manifest):
        listed = Listed(*left) if left else None
        published = Published(*right) if right else None
        yield Compared(photo_change(listed, published, retry_all_rejects), listed, published)


def photo_change(listed: Listed | None, published: Published | None, retry_all_rejects: bool) -> PhotoChange:
    """Return what changed for one photo."""
    if published is None:
        return PhotoChange.NEW
    if listed is None:
        return PhotoChange.DELETED
    if listed.etag != published.etag:
        return PhotoChange.CHANGED
    return _change_of_same(published, retry_all_rejects)


def _change_of_same(published: Published, retry_all_rejects: bool) -> PhotoChange:
    """Return what changed for a photo with the same ETag."""
    if published.run is None and published.kind is None:
        return PhotoChange.LOST
    if published.kind in RETRIED:
        return PhotoChange.RETRY
    if published.kind and (retry_all_rejects or published.kind in RETRIED_WITH_OTHER_WORK):
        return PhotoChange.OPPORTUNISTIC_RETRY
    return PhotoChange.UNCHANGED


def photo_reasons(changes: Mapping[str, int], *, retry_rejects: bool) -> list[str]:
    """Return the photos that are work for a run, in words: a part of the reason `why` of the plan.

    Parameters
    ----------
    changes
        Photos by change, as in the plan and in the report.
    retry_rejects
        Whether the run retries all rejects even if it has no other work.
    """
    words = {
        PhotoChange.NEW: "{:,} new",
        PhotoChange.CHANGED: "{:,} changed",
        PhotoChange.DELETED: "{:,} deleted",
        PhotoChange.RETRY: "{:,} rejected for a temporary reason",
        PhotoChange.LOST: "{:,} whose features are lost",
    }
    if retry_rejects:
        words[PhotoChange.OPPORTUNISTIC_RETRY] = "{:,} rejects to retry"
    return [text.format(count) for kind, text in words.items() if (count := changes.get(kind.value))]


@dataclass
class Tally:
    """Counts of a comparison.

    Attributes
    ----------
    photos : Counter of PhotoChange
    bytes : Counter of PhotoChange
        The size of the listed files that step 1 downloads: a larger file than `MAX_BYTES` takes it no time.
    current_rows : Counter of str
        Unchanged photos with features, by the feature run that holds them.
    rejected : int
        Unchanged photos without features.
    known_rejects : Counter of str
        Photos to featurize that an earlier run has rejected with the same content, by kind.
    """

    photos: Counter[PhotoChange] = field(default_factory=Counter)
    current_rows: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    known_rejects: Counter[str] = field(default_factory=Counter)
    bytes: Counter[PhotoChange] = field(default_factory=Counter)

    def count(self, compared: Compared) -> None:
        """Add a photo."""
        self.photos[compared.change] += 1
        if compared.listed and compared.listed.size <= MAX_BYTES:
            self.bytes[compared.change] += compared.listed.size
        if compared.change is PhotoChange.UNCHANGED and compared.published and compared.published.run:
            self.current_rows[compared.published.run] += 1
        elif compared.change is PhotoChange.UNCHANGED:
            self.rejected += 1

    @property
    def listed(self) -> int:
        """Photos of the inventory."""
        return self.photos.total() - self.photos[PhotoChange.DELETED]

    @property
    def published(self) -> int:
        """Photos of the manifest."""
        return self.photos.total() - self.photos[PhotoChange.NEW]
