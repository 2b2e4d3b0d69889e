"""Decides whether a run with few photos waits for more. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from verger.settings import Sizing


@dataclass(frozen=True, kw_only=True)
class Need:
    """What calls for a run.

    Attributes
    ----------
    waiting : int
        New photos, and photos that were rejected for a temporary reason.
    other_work : bool
        There is work that must not wait, such as the erasure of a deleted photo.
    published_at : datetime or None
        The last publication; None when there is none.
    launch_now : bool
        The parameter of the run.
    """

    waiting: int
    other_work: bool
    published_at: datetime | None
    launch_now: bool = False


def reason_to_wait(need: Need, sizing: Sizing, now: datetime) -> str:
    """Return why the run waits for more photos; empty when it does not wait.

    Parameters
    ----------
    need : Need
    sizing : Sizing
    now : datetime
    """
    if need.other_work or need.launch_now or need.published_at is None or not need.waiting:
        return ""
    until = need.published_at + timedelta(hours=sizing.wait_hours)
    if need.waiting >= sizing.wait_for_photos or now >= until:
        return ""
    return (
        f"waits for more photos: {need.waiting:,} of {sizing.wait_for_photos:,} (VERGER_WAIT_FOR_PHOTOS), at most "
        f"until {until:%Y-%m-%d %H:%M} UTC (VERGER_WAIT_HOURS); to start at once, trigger the DAG with launch_now"
    )
