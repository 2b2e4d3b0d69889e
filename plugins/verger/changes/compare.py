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

MOMENTARY = ("deleted since it was listed", "changed since it was listed", "unreadable at first")
"""Reasons of a reject that speak of a moment: the next run looks at the photo again, as at a new one."""

CURABLE = ("access denied",)
"""Reasons that may go away without a new etag, but may as well last: such a photo is looked at again whenever there is
other work, and alone launches no cluster."""


class Standing(Enum):
    """Of one photo of the inventory or of the published manifest."""

    NEW = "new"
    CHANGED = "changed"
    AGAIN = "again"
    """Rejected for a reason of the moment."""
    ALONG = "along"
    """A reject that may be readable by now."""
    UNCHANGED = "unchanged"
    DELETED = "deleted"


FEATURIZED = frozenset({Standing.NEW, Standing.CHANGED, Standing.AGAIN, Standing.ALONG})
"""What step 1 is given."""


class Listed(NamedTuple):
    """A row of the inventory: `size` in bytes."""

    path: str
    etag: str
    size: int


class Known(NamedTuple):
    """A row of a manifest: the feature run that holds the photo's features, or the reason why it was rejected."""

    path: str
    etag: str
    run: str | None
    reason: str | None


class Compared(NamedTuple):
    """One photo: where it stands, and its rows in inventory and manifest, of which one at least is there."""

    standing: Standing
    listed: Listed | None
    known: Known | None


def compare(inventory: Iterable[Row], manifest: Iterable[Row], *, rejects_again: bool = False) -> Iterator[Compared]:
    """The full outer join of inventory and manifest, both increasing by path, with each photo's standing.

    `rejects_again`: every rejected photo may be readable by now, since what reads them has changed.
    """
    for one, two in outer_join(inventory, manifest):
        listed = Listed(*one) if one else None
        known = Known(*two) if two else None
        yield Compared(standing(listed, known, rejects_again), listed, known)


def standing(listed: Listed | None, known: Known | None, rejects_again: bool) -> Standing:
    """Where a photo stands."""
    if known is None:
        return Standing.NEW
    if listed is None:
        return Standing.DELETED
    if listed.etag != known.etag:
        return Standing.CHANGED
    if known.reason and known.reason.startswith(MOMENTARY):
        return Standing.AGAIN
    if known.reason and (rejects_again or known.reason.startswith(CURABLE)):
        return Standing.ALONG
    return Standing.UNCHANGED


@dataclass
class Tally:
    """Photos by standing, and of the unchanged ones how many features each feature run still holds."""

    photos: Counter[Standing] = field(default_factory=Counter)
    live: Counter[str] = field(default_factory=Counter)

    def count(self, compared: Compared) -> None:
        self.photos[compared.standing] += 1
        if compared.standing is Standing.UNCHANGED and compared.known and compared.known.run:
            self.live[compared.known.run] += 1

    @property
    def listed(self) -> int:
        """Photos of the inventory."""
        return self.photos.total() - self.photos[Standing.DELETED]

    @property
    def known(self) -> int:
        """Photos of the manifest."""
        return self.photos.total() - self.photos[Standing.NEW]
