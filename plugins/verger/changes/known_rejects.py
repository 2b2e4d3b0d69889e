"""Records the photos that a run rejected when it failed because it rejected too many.

Without this, every scheduled run would launch a cluster, reject the same photos and fail again. The next run reads the
rejects from the manifest of the failed run, and fails before a cluster is launched.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from verger.changes.compare import Listed, Published
from verger.tables import manifest
from verger.tables.parquet import Store, TableError, rows_of
from verger_contract.keys import manifest_keys
from verger_contract.reasons import RETRIED, RETRIED_WITH_OTHER_WORK
from verger_contract.schemas import INVENTORY, MANIFEST

if TYPE_CHECKING:
    import pyarrow


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FailedRun:
    """A run that failed because of its share of rejects: the content of `runs/known_rejects.json`.

    Attributes
    ----------
    run : str
    base_etag : str or None
        ETag of the `published.json` that the run could have replaced. After another publication its manifest may be
        deleted.
    artifacts : str
        SHA-256 of the artifact set. Another set may read the photos.
    manifests : tuple of str
        The runs that wrote the parts of its manifest, oldest first. Empty if an earlier Verger wrote the file: then
        the manifest is that of `run`.
    """

    run: str
    base_etag: str | None
    artifacts: str
    manifests: Sequence[str] = ()

    def keys(self, bucket: str) -> list[str]:
        """Return the keys of the parts of its manifest."""
        return manifest_keys(bucket, self.manifests or [self.run])


def failed_run(read: Callable[[], Any], base_etag: str | None, artifacts: str) -> FailedRun | None:
    """Return the run whose rejects are known, None when there is none for this base and artifact set.

    Parameters
    ----------
    read
        Returns the parsed `runs/known_rejects.json`, None when there is none. Raises ValueError when it is no JSON.
    base_etag, artifacts
        As in `FailedRun`.
    """
    try:
        found = FailedRun(**(read() or {}))
    except (TypeError, ValueError):  # there is none, or its content is not ours: the photos are featurized again
        return None
    return found if (found.base_etag, found.artifacts) == (base_etag, artifacts) else None


def rejects_of(store: Store, keys: Sequence[str]) -> Iterator[Published]:
    """Yield the rejects in a manifest, by path. Those with a temporary cause are left out.

    A manifest that is lost or damaged has none: the photos are featurized again.

    Parameters
    ----------
    keys
        The parts of the manifest, oldest first.
    """
    rejected = (batch.filter(batch["kind"].is_valid()) for batch in manifest.batches(store, keys))
    rejects = (Published(*row) for row in rows_of(rejected, MANIFEST.names))
    try:
        yield from (reject for reject in rejects if reject.kind not in TEMPORARY)
    except (FileNotFoundError, TableError) as error:
        log.warning("%s; the photos that this run rejected are featurized again", error)


TEMPORARY = RETRIED | RETRIED_WITH_OTHER_WORK


class KnownRejects:
    """Finds photos among known rejects. Both are streams in order of paths, so memory does not grow.

    Parameters
    ----------
    rejects : iterable of Published
        Unique paths in increasing order.

    Examples
    --------
    >>> known = KnownRejects([Published("images/a.jpg", "1", None, "empty file", "empty file")])
    >>> known.kind_of(Listed("images/a.jpg", "1", 0)), known.kind_of(Listed("images/b.jpg", "1", 9))
    ('empty file', None)
    """

    def __init__(self, rejects: Iterable[Published]) -> None:
        self._rejects = iter(rejects)
        self._next = next(self._rejects, None)

    def kind_of(self, photo: Listed) -> str | None:
        """Return the kind of the reject of a photo with the same content. Photos must come in order of paths."""
        while self._next and self._next.path < photo.path:
            self._next = next(self._rejects, None)
        found = self._next
        return found.kind if found and (found.path, found.etag) == (photo.path, photo.etag) else None

    def kinds_of(self, photos: pyarrow.RecordBatch) -> Iterator[str]:
        """Yield the kinds of the rejects of some photos, without those that are unknown."""
        for row in rows_of([photos], INVENTORY.names):
            if kind := self.kind_of(Listed(*row)):
                yield kind
