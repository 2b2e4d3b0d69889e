"""Finds out whether a scheduled run has not started. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from verger.settings import Schedule
from verger_ui.formats import when

GRACE = timedelta(hours=1)
"""A busy or restarted scheduler starts a run late."""


def missed(schedule: Schedule, newest: datetime | None, now: datetime) -> str:
    """Return a sentence when the latest scheduled run has not started; empty otherwise.

    Parameters
    ----------
    schedule : Schedule
    newest : datetime or None
        Start of the newest run.
    now : datetime
    """
    from croniter import croniter  # type: ignore[import-untyped]

    if schedule.schedule == "never" or newest is None:
        return ""
    due: datetime = croniter(schedule.schedule, now.astimezone(ZoneInfo(schedule.timezone))).get_prev(datetime)
    if newest >= due or now - due < GRACE:
        return ""
    return f"No run has started since the schedule of {when(due)}: is the DAG paused, or the scheduler stopped?"
