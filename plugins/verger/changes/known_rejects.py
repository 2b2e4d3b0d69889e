"""Records the photos that a run rejected when it failed because it rejected too many.

Without this, every scheduled run would launch a cluster, reject the same photos and fail again. The next run reads the
rejects from the manifest of the failed run, and fails before a cluster is launched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from verger.changes.compare import Listed, Published
from verger.tables.external_sort import Row, increasing
from verger.tables.parquet import Store
from verger_contract.keys import Run
from verger_contract.reasons import RETRIED, RETRIED_WITH_OTHER_WORK
from verger_contract.schemas import MANIFEST


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
    """

    run: str
    base_etag: str | None
    artifacts: str


def failed_run(read: Callable[[], Any], base_etag: str | None, artifacts: str) -> str | None:
    """Return the id of the run whose rejects are known, None when there is none for this base and artifact set.

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
    return found.run if (found.base_etag, found.artifacts) == (base_etag, artifacts) else None


def rejects_of(store: Store, failed: Run) -> Iterator[Published]:
    """Yield the rejects in the manifest of a run, by path. Those with a temporary cause are left out."""
    rows = increasing(store.rows(failed.manifest, MANIFEST.names), failed.uri(failed.manifest))
    return (reject for reject in map(_published, rows) if reject.kind and reject.kind not in TEMPORARY)


TEMPORARY = RETRIED | RETRIED_WITH_OTHER_WORK


def _published(row: Row) -> Published:
    return Published(*row)


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
