"""The settings of the janitor, which terminates clusters that no DAG run uses."""

from __future__ import annotations

from dataclasses import dataclass

from verger.settings.fields import between, is_cron_or_never, setting, text


@dataclass(frozen=True, kw_only=True)
class Janitor:
    """The janitor."""

    janitor_schedule: str = setting(
        "the schedule of the DAG emr_janitor, in UTC; an unused cluster of three nodes costs about 0.20 EUR in 15 "
        "minutes; `never`: only manual runs",
        "a cron expression or never",
        is_cron_or_never,
        default="*/15 * * * *",
    )
    janitor_age_hours: int = between(
        "the age from which emr_janitor reports a cluster of an active run, and terminates a cluster that names no "
        "DAG run; the waiting tasks of a run end after 29 hours with the default time limits",
        1,
        1000,
        36,
        "hours",
    )
    deployment: str = text(
        "the name of this Airflow on its clusters: emr_janitor terminates no cluster with another name; set it when "
        "several Airflow installations use one bucket; empty: the name of the bucket",
        r"[A-Za-z0-9._:/=+@-]{0,200}",
        "at most 200 characters that EMR accepts in a tag",
        "",
    )

    def deployment_of(self, bucket: str) -> str:
        """Return the name of this Airflow: the setting, or the bucket."""
        return self.deployment or bucket
