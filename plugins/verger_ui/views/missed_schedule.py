"""Whether a run that the schedule asks for has begun. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from verger.settings import Schedule
from verger_ui.views.formats import when

GRACE = timedelta(hours=1)
"""A scheduler that is busy, or restarts, may be late."""


def missed(schedule: Schedule, newest: datetime | None, now: datetime) -> str:
    """A sentence when no run has begun since one was due; empty when all is well, or nothing is scheduled."""
    from croniter import croniter  # type: ignore[import-untyped]

    if schedule.schedule == "never" or newest is None:
        return ""
    due: datetime = croniter(schedule.schedule, now.astimezone(ZoneInfo(schedule.timezone))).get_prev(datetime)
    if newest >= due or now - due < GRACE:
        return ""
    return f"a run was due on {when(due)}, and none has begun since: is the DAG paused, or the scheduler away?"
