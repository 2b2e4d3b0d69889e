"""The declarations of the settings, in groups: default, unit, accepted values and meaning."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import available_timezones

from verger.settings.fields import between, is_cron_or_never, setting
from verger_contract.plan import BasisPolicy
from verger_contract.preprocessing import Decoding
from verger_contract.schemas import FEATURES_WIDTH

BASIS_POLICIES = tuple(policy.value for policy in BasisPolicy)
MAX_DELAY_DAYS = 3
"""The longest delay of an erasure, in days, when the DAG runs once a day.

One day until a run compacts the feature run, one day until a run expires the last snapshot that names it, and one day
because a deadline can pass just after a run has started."""


@dataclass(frozen=True, kw_only=True)
class Featurize:
    """Step 1."""

    decoding: Decoding = setting(  # noqa: RUF009 (makes a field)
        "how step 1 decodes large JPEG files; exact: all pixels, then one resize; scaled: libjpeg decodes at 1/2, 1/4 "
        "or 1/8 of the size, but at least at twice the network's input; another value than that of the published "
        "features means a full refresh",
        "exact or scaled",
        lambda value: value in Decoding,
        default=Decoding.EXACT,
    )
    photos_per_task: int = between(
        "the largest number of photos in a Spark task; 0: step 1 chooses it", 0, 100_000, 0, "photos"
    )


@dataclass(frozen=True, kw_only=True)
class Pca:
    """Step 2."""

    target_variance: float = setting(
        "the share of the variance that the components together explain",
        "more than 0, at most 1",
        lambda value: 0 < value <= 1,
        default=0.90,
    )
    pca_basis: str = setting(
        "the PCA basis of a run; auto: keep the published basis while it explains the target variance less "
        "VERGER_BASIS_TOLERANCE, unless the target was changed, the model or the preprocessing changed, or the "
        "basis has more than VERGER_MAX_COMPONENTS components; refit: fit a new basis to the current photos; reuse: "
        "keep the published basis whatever it explains",
        "auto, refit or reuse",
        lambda value: value in BASIS_POLICIES,
        default="auto",
    )
    basis_tolerance: float = between(
        "how far the explained variance of a kept basis may lie below the target variance; with 0, nearly every run "
        "fits a new basis, because a new basis reaches the target by a narrow margin",
        0,
        0.2,
        0.01,
        "share",
    )
    max_components: int = between(
        "the largest number of components; when the target variance needs more, step 2 fails",
        1,
        FEATURES_WIDTH,
        FEATURES_WIDTH,
        "components",
    )
    full_pass_after: int = between(
        "the number of publications after which step 2 makes a full pass: it reads all features again, so that the "
        "rounding errors of the updated statistics do not add up; with 1, every run does",
        1,
        1000,
        50,
        "publications",
    )


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
    recomputed_photos: int = between(
        "the number of new photos, chosen at random, whose features are computed again from their bytes and compared; "
        "0 for none",
        0,
        10_000,
        100,
        "photos",
    )
    verify_all_days: int = between(
        "the time after which a run verifies all published rows again, also without new photos; 0 for never: then "
        "only runs with the parameter verify_all do",
        0,
        3650,
        30,
        "days",
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
