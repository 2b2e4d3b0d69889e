"""Compares the inventory with the published manifest: what changed for each photo.

The input is two sorted streams, the output one, so memory does not grow with the number of photos. Photos are compared
in batches by functions of Arrow and numpy: a loop over single photos takes ten times as long.

Only ETags are compared, never times: clocks may be wrong, and two versions of a photo may have the same second. An ETag
is an opaque string (that of a multipart upload is no MD5). A photo that is uploaded with another ETag counts as changed
even when its pixels are the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from verger.tables.sorted_batches import aligned
from verger_contract.reasons import RETRIED, RETRIED_WITH_OTHER_WORK
from verger_contract.schemas import INVENTORY, MANIFEST
from verger_photo.limits.sizes import MAX_BYTES

if TYPE_CHECKING:
    import numpy
    import pyarrow
    from numpy.typing import NDArray


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


CHANGES = tuple(PhotoChange)
NUMBERS = {change: number for number, change in enumerate(CHANGES)}
"""The number of each change, as `Compared` stores it."""


@dataclass(frozen=True)
class Compared:
    """Some rows of the inventory with the rows of the manifest in the same range of paths.

    Attributes
    ----------
    listed, published : RecordBatch
        Rows of the inventory and of the manifest.
    places : numpy array of int64
        For each listed photo its row in `published`, -1 for a new photo.
    changes : numpy array of int8
        For each listed photo the number of its change in `CHANGES`.
    deleted : numpy array of int64
        The rows of `published` that are not listed.
    """

    listed: pyarrow.RecordBatch
    published: pyarrow.RecordBatch
    places: NDArray[numpy.int64]
    changes: NDArray[numpy.int8]
    deleted: NDArray[numpy.int64]

    def have(self, changes: Iterable[PhotoChange]) -> NDArray[numpy.bool_]:
        """Return, for each listed photo, whether it has one of the changes."""
        import numpy

        return numpy.isin(self.changes, [NUMBERS[change] for change in changes])

    def published_of(self, chosen: NDArray[numpy.bool_]) -> pyarrow.RecordBatch:
        """Return the published rows of some listed photos, none of which is new."""
        return self.published.take(array_of(self.places[chosen]))


def compare(
    inventory: Iterable[pyarrow.RecordBatch],
    manifest: Iterable[pyarrow.RecordBatch],
    *,
    retry_all_rejects: bool = False,
) -> Iterator[Compared]:
    """Join inventory and manifest (full outer join), and add the change of each photo.

    Parameters
    ----------
    inventory, manifest
        Rows of the two tables in increasing order of paths, without empty batches.
    retry_all_rejects
        Whether every rejected photo may be readable now, for example with a new artifact set.
    """
    for listed, published in aligned(inventory, manifest, (INVENTORY, MANIFEST)):
        yield photo_changes(listed, published, retry_all_rejects)


def photo_changes(listed: pyarrow.RecordBatch, published: pyarrow.RecordBatch, retry_all_rejects: bool) -> Compared:
    """Return what changed for each photo."""
    import numpy
    import pyarrow.compute as pc

    places = _places(listed["path"], published["path"])
    known = places >= 0
    before = published.take(array_of(places[known]))
    changes = numpy.full(len(places), NUMBERS[PhotoChange.NEW], numpy.int8)
    same = _mask(pc.equal(listed["etag"].filter(array_of(known)), before["etag"]))
    changes[known] = numpy.where(same, _changes_of_same(before, retry_all_rejects), NUMBERS[PhotoChange.CHANGED])
    missing = numpy.ones(published.num_rows, bool)
    missing[places[known]] = False
    return Compared(listed, published, places, changes, numpy.flatnonzero(missing))


def _changes_of_same(before: pyarrow.RecordBatch, retry_all_rejects: bool) -> NDArray[numpy.int8]:
    """Return what changed for published photos that are listed with the same ETag."""
    import numpy
    import pyarrow
    import pyarrow.compute as pc

    kinds, changes = before["kind"], numpy.full(before.num_rows, NUMBERS[PhotoChange.UNCHANGED], numpy.int8)
    if kinds.null_count < len(kinds):
        opportunistic = (
            kinds.is_valid()
            if retry_all_rejects
            else pc.is_in(kinds, value_set=pyarrow.array([*RETRIED_WITH_OTHER_WORK], pyarrow.string()))
        )
        changes[_mask(opportunistic)] = NUMBERS[PhotoChange.OPPORTUNISTIC_RETRY]
        retried = pc.is_in(kinds, value_set=pyarrow.array([*RETRIED], pyarrow.string()))
        changes[_mask(retried)] = NUMBERS[PhotoChange.RETRY]
    if before["run"].null_count:
        lost = pc.and_(before["run"].is_null(), kinds.is_null())
        changes[_mask(lost)] = NUMBERS[PhotoChange.LOST]
    return changes


def _places(paths: pyarrow.StringArray, among: pyarrow.StringArray) -> NDArray[numpy.int64]:
    """Return the place of each path among others, -1 where it is missing."""
    import numpy
    import pyarrow.compute as pc

    if paths.equals(among):
        return numpy.arange(len(paths))
    found = pc.index_in(paths, value_set=among).fill_null(-1)
    places: NDArray[numpy.int64] = found.to_numpy(zero_copy_only=False).astype(numpy.int64)
    return places


def _mask(values: pyarrow.BooleanArray) -> NDArray[numpy.bool_]:
    found: NDArray[numpy.bool_] = values.fill_null(False).to_numpy(zero_copy_only=False)
    return found


def array_of(values: NDArray[Any]) -> pyarrow.Array:
    """Return a numpy array as an Arrow array: places for `take`, or a mask for `filter`."""
    import pyarrow

    return pyarrow.array(values)


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
    kept_rejects : Counter of str
        Unchanged photos without features, by kind.
    known_rejects : Counter of str
        Photos to featurize that an earlier run has rejected with the same content, by kind.
    """

    photos: Counter[PhotoChange] = field(default_factory=Counter)
    current_rows: Counter[str] = field(default_factory=Counter)
    kept_rejects: Counter[str] = field(default_factory=Counter)
    known_rejects: Counter[str] = field(default_factory=Counter)
    bytes: Counter[PhotoChange] = field(default_factory=Counter)

    def count(self, compared: Compared) -> None:
        """Add some photos."""
        import numpy

        photos = numpy.bincount(compared.changes, minlength=len(CHANGES))
        sizes = compared.listed["size"].to_numpy(zero_copy_only=False)
        downloaded = numpy.where(sizes <= MAX_BYTES, sizes, 0)
        total = numpy.bincount(compared.changes, weights=downloaded, minlength=len(CHANGES))
        for change, number in NUMBERS.items():
            if photos[number]:
                self.photos[change] += int(photos[number])
                self.bytes[change] += int(total[number])
        if len(compared.deleted):
            self.photos[PhotoChange.DELETED] += len(compared.deleted)
        unchanged = compared.published_of(compared.have([PhotoChange.UNCHANGED]))
        self.current_rows.update(_counts(unchanged["run"]))
        self.kept_rejects.update(_counts(unchanged["kind"]))

    @property
    def rejected(self) -> int:
        """Unchanged photos without features."""
        return self.kept_rejects.total()

    @property
    def listed(self) -> int:
        """Photos of the inventory."""
        return self.photos.total() - self.photos[PhotoChange.DELETED]

    @property
    def published(self) -> int:
        """Photos of the manifest."""
        return self.photos.total() - self.photos[PhotoChange.NEW]


def _counts(values: pyarrow.StringArray) -> dict[str, int]:
    """Return how often each value occurs, without null."""
    found = values.drop_null().value_counts()
    return dict(zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True))
