"""From the counts of the comparison to the size of the cluster, and to the decision whether the run waits. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from verger.changes.compare import FEATURIZED, PhotoChange, Tally
from verger.changes.params import RunParams
from verger.cluster_plan import waiting
from verger.cluster_plan.pace import Work
from verger.cluster_plan.plan import ClusterPlan, in_words
from verger.publication.model import Snapshot
from verger.settings import Sizing

MAY_WAIT = frozenset({PhotoChange.NEW, PhotoChange.RETRY, PhotoChange.OPPORTUNISTIC_RETRY, PhotoChange.UNCHANGED})
"""Changes for which a run may wait. The data of changed and deleted photos has to be erased in time."""


def work_of(tally: Tally, *, full_refresh: bool) -> Work:
    """Return how much the steps of a run have to do.

    Parameters
    ----------
    tally : Tally
    full_refresh : bool
        Step 1 featurizes all listed photos.
    """
    changes = (set(PhotoChange) - {PhotoChange.DELETED}) if full_refresh else FEATURIZED
    return Work(
        photos=sum(tally.photos[kind] for kind in changes),
        bytes=sum(tally.bytes[kind] for kind in changes),
        listed=tally.listed,
    )


def reason_to_wait(
    tally: Tally, params: RunParams, published: Snapshot | None, cluster: ClusterPlan, sizing: Sizing, *, now: datetime
) -> str:
    """Return why a run waits for more photos, and what its cluster would cost now; empty when it does not wait.

    The run has no other reasons than photos.

    Parameters
    ----------
    tally : Tally
    params : RunParams
    published : Snapshot or None
    cluster : ClusterPlan
        The cluster of the run if it did not wait.
    sizing : Sizing
    now : datetime
    """
    urgent = any(tally.photos[kind] for kind in PhotoChange if kind not in MAY_WAIT)
    need = waiting.Need(
        waiting=tally.photos[PhotoChange.NEW] + tally.photos[PhotoChange.RETRY],
        other_work=urgent or params.retry_rejects,
        published_at=_time(published.published_at) if published else None,
        launch_now=params.launch_now,
    )
    reason = waiting.reason_to_wait(need, sizing, now)
    return f"{reason}; now: {in_words(cluster)}" if reason else ""


def no_step_has_work(tally: Tally, params: RunParams, published: Snapshot | None) -> bool:
    """Return whether nothing changed, apart from photos without features that were deleted.

    Rejects that any run with a cluster retries do not count as a change.
    """
    if not published or not published.run:
        return False
    kept = {PhotoChange.DELETED, PhotoChange.UNCHANGED} | (
        set() if params.retry_rejects else {PhotoChange.OPPORTUNISTIC_RETRY}
    )
    with_features = sum(features.current_rows for features in published.features)
    return not any(tally.photos[kind] for kind in PhotoChange if kind not in kept) and (
        tally.current_rows.total() == with_features
    )


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
