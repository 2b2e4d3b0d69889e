"""How long the cluster of a run may be idle before EMR terminates it. Pure."""

from __future__ import annotations

from verger.cluster_plan import figures
from verger.settings import Settings

MANIFEST_SECONDS = 2 * figures.MANIFEST_SECONDS
"""Seconds of idle time for each listed photo: twice the time in which `check_features` writes the manifest
(benchmarks/planning.md), for a second try of the task."""

LEAST_IDLE_SECONDS = 60
"""EMR accepts no shorter idle timeout."""


def idle_seconds(settings: Settings, photos: int) -> int:
    """Return the idle timeout of a run's cluster: as long as the work between the steps can take, and not longer.

    Parameters
    ----------
    settings : Settings
    photos : int
        Listed photos.
    """
    options, schedule = settings.cluster, settings.schedule
    wanted = options.idle_margin + schedule.retries * schedule.retry_seconds + round(MANIFEST_SECONDS * photos)
    return max(min(wanted, options.idle_timeout), LEAST_IDLE_SECONDS)
