"""What became of each photo since the last publication. Pure: two sorted streams in, one out, in flat memory.

Etags alone decide, never times: clocks may be wrong, and two versions of a photo may be of the same second. An etag is
an opaque text (that of a multipart upload is no MD5); a photo uploaded anew with another etag counts as changed even
when its pixels are the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from verger.tables.external_sort import Row, outer_join
from verger_contract.reasons import RETRIED, RETRIED_WITH_OTHER_WORK


class PhotoChange(Enum):
    """Of one photo of the inventory or of the published manifest."""

    NEW = "new"
    CHANGED = "changed"
    RETRY = "retry"
    """Rejected for a reason of the moment."""
    OPPORTUNISTIC_RETRY = "opportunistic_retry"
    """A reject that may be readable by now."""
    UNCHANGED = "unchanged"
    DELETED = "deleted"


FEATURIZED = frozenset({PhotoChange.NEW, PhotoChange.CHANGED, PhotoChange.RETRY, PhotoChange.OPPORTUNISTIC_RETRY})
"""What step 1 is given."""


class Listed(NamedTuple):
    """A row of the inventory: `size` in bytes."""

    path: str
    etag: str
    size: int


class Known(NamedTuple):
    """A row of a manifest: the feature run that holds the photo's features, or why the photo was rejected."""

    path: str
    etag: str
    run: str | None
    kind: str | None
    reason: str | None


class Compared(NamedTuple):
    """One photo: where it stands, and its rows in inventory and manifest, of which one at least is there."""

    change: PhotoChange
    listed: Listed | None
    known: Known | None


def compare(
    inventory: Iterable[Row], manifest: Iterable[Row], *, retry_all_rejects: bool = False
) -> Iterator[Compared]:
    """The full outer join of inventory and manifest, both increasing by path, with each photo's standing.

    `retry_all_rejects`: every rejected photo may be readable by now, since what reads them has changed.
    """
    for one, two in outer_join(inventory, manifest):
        listed = Listed(*one) if one else None
        known = Known(*two) if two else None
        yield Compared(change(listed, known, retry_all_rejects), listed, known)


def change(listed: Listed | None, known: Known | None, retry_all_rejects: bool) -> PhotoChange:
    """Where a photo stands."""
    if known is None:
        return PhotoChange.NEW
    if listed is None:
        return PhotoChange.DELETED
    if listed.etag != known.etag:
        return PhotoChange.CHANGED
    if known.kind in RETRIED:
        return PhotoChange.RETRY
    if known.kind and (retry_all_rejects or known.kind in RETRIED_WITH_OTHER_WORK):
        return PhotoChange.OPPORTUNISTIC_RETRY
    return PhotoChange.UNCHANGED


@dataclass
class Tally:
    """Photos by standing, and of the unchanged ones how many features each feature run still holds."""

    photos: Counter[PhotoChange] = field(default_factory=Counter)
    current_rows: Counter[str] = field(default_factory=Counter)

    def count(self, compared: Compared) -> None:
        self.photos[compared.change] += 1
        if compared.change is PhotoChange.UNCHANGED and compared.known and compared.known.run:
            self.current_rows[compared.known.run] += 1

    @property
    def listed(self) -> int:
        """Photos of the inventory."""
        return self.photos.total() - self.photos[PhotoChange.DELETED]

    @property
    def known(self) -> int:
        """Photos of the manifest."""
        return self.photos.total() - self.photos[PhotoChange.NEW]
