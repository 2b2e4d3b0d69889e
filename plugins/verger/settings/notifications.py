"""The settings of the notifications."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from verger.settings.fields import between, text


@dataclass(frozen=True, kw_only=True)
class Notifications:
    """The messages about runs that need attention."""

    sns_topic: str = text(
        "the SNS topic that gets a message when a run fails, is published with warnings or is late, and when "
        "emr_janitor terminates a cluster; empty: the messages are only in Airflow's logs",
        r"(arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256})?",
        "the ARN of an SNS topic that is no FIFO topic",
        "",
    )
    late_minutes: int = between(
        "a run that has not ended so long after its scheduled time is late; 0: no message; a run over 100,000 new "
        "photos takes less than an hour",
        0,
        10080,
        360,
        "minutes",
    )

    @property
    def late_after(self) -> timedelta | None:
        """The time after which a run is late; None: never."""
        return timedelta(minutes=self.late_minutes) if self.late_minutes else None
