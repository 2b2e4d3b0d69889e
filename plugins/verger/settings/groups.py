"""The declarations of the settings, in groups: default, unit, accepted values and meaning."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from verger.settings.fields import between, flag, is_cron_or_never, setting, text

REPOSITORY = Path(__file__).resolve().parents[3]
BUILT_ARTIFACTS = REPOSITORY / ".verger/artifacts/current"
EU_REGIONS = ("eu-central-1", "eu-west-1", "eu-west-3", "eu-north-1", "eu-south-1", "eu-south-2", "eusc-de-east-1")
"""AWS regions in member states of the EU. London (eu-west-2) and Zurich (eu-central-2) are outside the EU."""

OWN_PREFIXES = ("artifacts/", "features/", "rejects/", "pca/", "models/", "runs/", "logs/", "janitor/")


def _is_photo_prefix(prefix: str) -> bool:
    return (
        bool(re.fullmatch(r"([^/]+/)+", prefix))
        and not prefix.startswith(OWN_PREFIXES)
        and not {".", ".."} & set(prefix.split("/"))
    )


@dataclass(frozen=True, kw_only=True)
class Storage:
    """Where photos, artifacts and results lie."""

    bucket: str = text(
        "the bucket of the photos, to which Verger also writes all its data",
        r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]",
        "the name of an S3 bucket, without dots (no TLS certificate covers a name with dots)",
    )
    images_prefix: str = setting(
        "the key prefix of the photos, with one folder for each label; Verger never writes there",
        f"folders ending in '/', none of them '.' or '..', outside Verger's own {', '.join(OWN_PREFIXES)}",
        _is_photo_prefix,
        default="images/",
    )
    region: str = setting(
        "the region of bucket and cluster; only regions in the EU are accepted",
        f"a region in the EU: {', '.join(EU_REGIONS)}",
        lambda value: value in EU_REGIONS,
        default="eu-west-3",
    )
    aws_conn_id: str = text("the Airflow connection with the AWS credentials", r"\S+", "a connection id", "aws_default")
    request_attempts: int = between(
        "how often a request to S3 or EMR is sent before the task fails, when the service is busy, is not available or "
        "does not answer; the waits between the attempts are random, double, and take at most 20 seconds: 18 attempts "
        "wait for one to two minutes",
        1,
        50,
        18,
        "attempts",
    )
    connect_seconds: int = between(
        "the time limit of a connection to S3 or EMR; the network of a region connects within milliseconds",
        1,
        120,
        10,
        "seconds",
    )
    answer_seconds: int = between(
        "how long S3 or EMR may send nothing while a task waits for an answer; busy services take some seconds",
        1,
        600,
        60,
        "seconds",
    )
    artifacts_dir: Path = setting(  # noqa: RUF009 (makes a field)
        "the artifact set that the DAG uploads; `make artifacts` builds it",
        "the absolute path of a folder",
        lambda value: value.is_absolute(),
        default=BUILT_ARTIFACTS,
    )
    artifacts_uri: str = text(
        "the artifact set that `python -m verger.s3 upload-artifacts` has uploaded; the DAG then verifies these "
        "objects and reads no folder, for example on MWAA; empty: the set in VERGER_ARTIFACTS_DIR",
        r"(s3://[a-z0-9-]+/artifacts/[0-9a-f]{64}/?)?",
        "s3://BUCKET/artifacts/SHA256/ with 64 hexadecimal digits, or empty",
        "",
    )
    allow_random_weights: bool = flag("accept a model with random weights, for tests", False)

    @property
    def artifacts_sha256(self) -> str | None:
        """The SHA-256 of the artifact set at `artifacts_uri`; None when the set is a folder."""
        return self.artifacts_uri.rstrip("/").rpartition("/")[2] or None

    @property
    def request_options(self) -> dict[str, Any]:
        """Time limits and retries of every request to S3 and EMR, as options of botocore's Config."""
        return {
            "connect_timeout": self.connect_seconds,
            "read_timeout": self.answer_seconds,
            "retries": {"mode": "standard", "total_max_attempts": self.request_attempts},
        }


MAX_DELAY_DAYS = 3
"""The longest delay of an erasure, in days, when the DAG runs once a day.

One day until a run compacts the feature run, one day until a run expires the last snapshot that names it, and one day
because a deadline can pass just after a run has started."""


@dataclass(frozen=True, kw_only=True)
class Validation:
    """Limits of the checks."""

    max_rejects_share: float = between(
        "a run fails when a larger share of all current photos is rejected, unless it is triggered with "
        "accept_rejects; the next run with the same photos fails before it launches a cluster",
        0,
        1,
        0.05,
        "share",
    )
    max_deleted_share: float = between(
        "a run fails, before it launches a cluster, when a larger share of the published photos is missing in the "
        "bucket, unless the run is triggered with accept_deletions",
        0,
        1,
        0.5,
        "share",
    )
    neighbour_sample: int = between(
        "the number of photos whose nearest neighbours are checked", 100, 5000, 1000, "photos"
    )


@dataclass(frozen=True, kw_only=True)
class Retention:
    """How long data stays."""

    snapshot_days: int = between("how long a superseded snapshot can be rolled back to", 1, 3650, 7, "days")
    erasure_days: int = between(
        "the time after which all data of a photo is erased, from the first run that finds it deleted or changed; at "
        f"least {MAX_DELAY_DAYS + 1} more than VERGER_SNAPSHOT_DAYS; the DAG must run once a day",
        5,
        3650,
        30,
        "days",
    )

    @property
    def snapshot_age(self) -> timedelta:
        """The age at which a superseded snapshot expires."""
        return timedelta(days=self.snapshot_days)

    @property
    def erasure_age(self) -> timedelta:
        """The age at which the JSON files of a run expire."""
        return timedelta(days=self.erasure_days)

    @property
    def max_deletes_age(self) -> timedelta:
        """The longest time that a deleted row may stay in a current feature run.

        It leaves time for the expiry of the snapshots that name the feature run.
        """
        return timedelta(days=self.erasure_days - self.snapshot_days - MAX_DELAY_DAYS)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When the DAG runs, and time limits and retries of its tasks."""

    schedule: str = setting(
        "the schedule of the DAG; `never`: only manual runs",
        "a cron expression or never",
        is_cron_or_never,
        default="0 2 * * *",
    )
    timezone: str = setting(
        "the time zone of the schedule",
        "a name of the tz database",
        lambda value: value in available_timezones(),
        default="Europe/Paris",
    )
    poll_seconds: int = between(
        "the time between two requests for the state of a cluster or a step", 1, 600, 15, "seconds"
    )
    cluster_minutes: int = between("the time limit for the start of the cluster", 1, 240, 45, "minutes")
    step_minutes: int = between("the longest time limit of a step", 1, 2880, 720, "minutes")
    step_plan_factor: int = between(
        "the time limit of a step by its planned minutes; at least an hour, at most VERGER_STEP_MINUTES; 0: the latter",
        0,
        1000,
        10,
        "times",
    )
    outage_minutes: int = between(
        "how long a task that waits for a cluster or a step goes on while EMR answers with errors or not at all; the "
        "cluster is not stopped",
        0,
        240,
        15,
        "minutes",
    )
    check_minutes: int = between(
        "the time limit of each task that reads one row per photo (list_images, anything_to_do, check_features, "
        "check_projections)",
        1,
        2880,
        240,
        "minutes",
    )
    log_wait_seconds: int = between(
        "how long a task waits until EMR has uploaded the log of a failed step", 0, 900, 180, "seconds"
    )
    retries: int = between("the number of retries of a task", 0, 10, 2, "times")
    step_retries: int = between(
        "how often a step is submitted again to the same cluster after a process or a node was lost; an error that the "
        "step itself reports is not repeated",
        0,
        5,
        1,
        "times",
    )
    cluster_retries: int = between(
        "how many new clusters a run launches by itself in place of clusters that were lost: a node or EMR failed, or "
        "EC2 had no capacity; a cluster that a user terminated is not replaced",
        0,
        3,
        1,
        "times",
    )
    retry_seconds: int = between("the time before a retry", 0, 3600, 60, "seconds")

    @property
    def outage_seconds(self) -> float:
        """How long a waiting task goes on without a usable answer of EMR."""
        return 60.0 * self.outage_minutes

    def attempts(self, minutes: int) -> int:
        """Return the number of requests for a state in so many minutes."""
        return max(minutes * 60 // self.poll_seconds, 1)
