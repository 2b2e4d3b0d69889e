"""The declaration of every setting: unit, default, accepted values and meaning, in groups."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zoneinfo import available_timezones

from verger.settings.fields import between, flag, names, setting, text

REPOSITORY = Path(__file__).resolve().parents[3]
BUILT = REPOSITORY / ".verger/artifacts/current"
EU_REGIONS = ("eu-central-1", "eu-west-1", "eu-west-3", "eu-north-1", "eu-south-1", "eu-south-2", "eusc-de-east-1")
"""Regions in member states of the EU: London (eu-west-2) and Zurich (eu-central-2) are not."""

OWN_PREFIXES = ("artifacts/", "features/", "rejects/", "pca/", "models/", "runs/", "logs/")


def _is_photo_prefix(prefix: str) -> bool:
    return (
        bool(re.fullmatch(r"([^/]+/)+", prefix))
        and not prefix.startswith(OWN_PREFIXES)
        and not {".", ".."} & set(prefix.split("/"))
    )


def _is_cron(text: str) -> bool:
    from croniter import croniter  # type: ignore[import-untyped]

    return text == "never" or croniter.is_valid(text)


@dataclass(frozen=True, kw_only=True)
class Storage:
    bucket: str = text(
        "bucket of the photos and of everything Verger writes",
        r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]",
        "the name of an S3 bucket, without dots (no TLS certificate covers a name with dots)",
    )
    images_prefix: str = setting(
        "prefix under which the photos lie, one folder per label; Verger only reads there",
        f"folders ending in '/', none of them '.' or '..', outside Verger's own {', '.join(OWN_PREFIXES)}",
        _is_photo_prefix,
        default="images/",
    )
    region: str = setting(
        "region of bucket and cluster; the photos never leave the EU",
        f"a region in the EU: {', '.join(EU_REGIONS)}",
        lambda value: value in EU_REGIONS,
        default="eu-west-3",
    )
    aws_conn_id: str = text("Airflow connection that holds the credentials", r"\S+", "a connection id", "aws_default")
    artifacts_dir: Path = setting(  # noqa: RUF009 (makes a field)
        "artifact set that the DAG stages (built by `make artifacts`)",
        "the absolute path of a folder",
        lambda value: value.is_absolute(),
        default=BUILT,
    )
    allow_random_weights: bool = flag("stage a model with random weights (for tests of the plumbing only)", False)


BASIS_POLICIES = ("auto", "refit", "reuse")
NIGHTS_LATE = 3
"""Days between something being due and the nightly run that does it, all in all: one to rewrite, one to remove, and one
for what minutes cost: what is due a minute after tonight's run has begun waits for tomorrow's."""

_INSTANCE = r"[a-z0-9-]+\.[a-z0-9-]+"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    release_label: str = text("EMR release", r"emr-(spark-)?\d+\.\d+\.\d+", "an EMR release label", "emr-spark-8.1.0")
    node_env_dir: str = text(
        "folder on each node that holds the Python environments", r"/[\w./-]+", "an absolute path", "/opt/verger"
    )
    primary_instance_types: tuple[str, ...] = names(
        "types for the primary node, comma-separated",
        _INSTANCE,
        "EC2 instance types",
        ("m6i.xlarge", "m6a.xlarge", "m5.xlarge"),
    )
    worker_instance_types: tuple[str, ...] = names(
        "types for core and task nodes; several make Spot interruptions rarer",
        _INSTANCE,
        "EC2 instance types",
        ("c6i.xlarge", "c6a.xlarge", "c5.xlarge", "m6i.xlarge", "m6a.xlarge"),
    )
    core_on_demand: int = between("core nodes, On-Demand", 1, 100, 1, "nodes")
    task_spot: int = between(
        "task nodes, Spot (On-Demand when there is no Spot within ten minutes)", 0, 500, 1, "nodes"
    )
    scale_up_to: int = between("managed scaling: most core and task nodes; 0 switches it off", 0, 600, 0, "nodes")
    ebs_root_gib: int = between("root volume of a node", 15, 100, 20, "GiB")
    ebs_data_gib: int = between("gp3 data volume of a node", 16, 2048, 64, "GiB")
    subnet_ids: tuple[str, ...] = names(
        "subnets that EMR may choose from; none: the account's default", r"subnet-[0-9a-f]+", "subnet ids", (), least=0
    )
    service_role: str = text("role of the EMR service", r"[\w+=,.@:/-]+", "an IAM role", "EMR_DefaultRole_V2")
    node_role: str = text(
        "instance profile of the nodes", r"[\w+=,.@:/-]+", "an IAM instance profile", "EMR_EC2_DefaultRole"
    )
    security_configuration: str = text(
        "EMR security configuration (encryption, IMDSv2); empty: none",
        r"[^\n]{0,256}",
        "the name of a security configuration",
        "",
    )
    log_prefix: str = text(
        "where EMR writes its logs in the bucket", r"logs/([^/]+/)*", "logs/ or a folder in it", "logs/"
    )
    spark_history_url: str = text(
        "base URL, as a browser reaches it, of a Spark history server that reads logs/spark-events/; empty: no link",
        r"(https?://\S+)?",
        "an http or https URL",
        "",
    )
    idle_timeout: int = between(
        "EMR ends a cluster that idled so long, whatever Airflow does; it idles while Airflow checks the features, "
        "which takes longer the more photos there are",
        60,
        604800,
        3600,
        "seconds",
    )


@dataclass(frozen=True, kw_only=True)
class Featurize:
    photos_per_task: int = between("photos in a Spark task, at the most; 0: the job chooses", 0, 100_000, 0, "photos")


@dataclass(frozen=True, kw_only=True)
class Pca:
    target_variance: float = setting(
        "share of the variance that the components together explain",
        "more than 0, at most 1",
        lambda value: 0 < value <= 1,
        default=0.90,
    )
    pca_basis: str = setting(
        "the basis of a run: auto keeps the published one while it explains the target, less VERGER_BASIS_TOLERANCE; "
        "refit fits it to the photos of tonight; reuse keeps it whatever it explains",
        "auto, refit or reuse",
        lambda value: value in BASIS_POLICIES,
        default="auto",
    )
    basis_tolerance: float = between(
        "what the share that a kept basis explains may miss the target by; with 0 nearly every night fits a new one, "
        "since a new basis reaches the target by a hair",
        0,
        0.2,
        0.01,
        "share",
    )
    max_components: int = between("most components; a target that needs more is an error", 1, 1280, 1280, "components")


@dataclass(frozen=True, kw_only=True)
class Validation:
    max_rejects_share: float = between(
        "a run fails when a larger share of all current photos is unreadable", 0, 1, 0.05, "share"
    )
    max_deleted_share: float = between(
        "a run fails, before any cluster, when a larger share of the published photos is no longer there, unless it is "
        "triggered with accept_deletions",
        0,
        1,
        0.5,
        "share",
    )
    neighbour_sample: int = between("photos whose nearest neighbours are looked at", 100, 5000, 1000, "photos")


@dataclass(frozen=True, kw_only=True)
class Retention:
    snapshot_days: int = between(
        "how long one can roll back to a publication after the next one has replaced it", 1, 3650, 7, "days"
    )
    erasure_days: int = between(
        "what is left of a photo is gone so long after the first run that missed it (or saw it changed); at least "
        f"{NIGHTS_LATE + 1} more than VERGER_SNAPSHOT_DAYS; holds when the DAG runs every day",
        5,
        3650,
        30,
        "days",
    )

    @property
    def snapshot_age(self) -> timedelta:
        return timedelta(days=self.snapshot_days)

    @property
    def erasure_age(self) -> timedelta:
        return timedelta(days=self.erasure_days)

    @property
    def max_deletes_age(self) -> timedelta:
        """How old dead rows may become: the snapshots that name their feature run must expire in time, too."""
        return timedelta(days=self.erasure_days - self.snapshot_days - NIGHTS_LATE)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    schedule: str = setting(
        "when the DAG runs by itself; `never`: only by hand",
        "a cron expression or never",
        _is_cron,
        default="0 2 * * *",
    )
    timezone: str = setting(
        "time zone of the schedule",
        "a name of the tz database",
        lambda value: value in available_timezones(),
        default="Europe/Paris",
    )
    poll_seconds: int = between("time between two looks at the cluster or a step", 1, 600, 15, "seconds")
    cluster_minutes: int = between("a cluster not ready by then fails the run", 1, 240, 45, "minutes")
    step_minutes: int = between("a step that takes longer fails the run", 1, 2880, 720, "minutes")
    check_minutes: int = between(
        "time limit of each task that reads one row per photo (list_images, anything_to_do, check_features, "
        "check_projections)",
        1,
        2880,
        240,
        "minutes",
    )
    log_wait_seconds: int = between(
        "how long to wait for EMR to upload the log of a failed step", 0, 900, 180, "seconds"
    )
    retries: int = between("retries of a task where repeating is safe", 0, 10, 2, "times")
    retry_seconds: int = between("pause before a retry", 0, 3600, 60, "seconds")

    def attempts(self, minutes: int) -> int:
        """How often to look within so many minutes."""
        return max(minutes * 60 // self.poll_seconds, 1)
