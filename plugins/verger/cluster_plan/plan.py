"""Plans the cluster of a run: nodes, minutes and cost. Pure."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from verger.cluster_plan import figures, nodes
from verger.cluster_plan.pace import Pace, Work, core_seconds
from verger.settings import Cluster, Prices, Settings
from verger.settings.cluster import LARGEST_VOLUME_GIB
from verger.settings.prices import CURRENCY
from verger_contract.preprocessing import Decoding
from verger_contract.schemas import FEATURES_WIDTH

ROW_BYTES = 4 * FEATURES_WIDTH
"""Step 2 moves each row of features once between nodes, over their volumes."""

VOLUME_RESERVE_GIB = 16
"""Of a data volume, for logs, for packages and for HDFS."""

STEPS_CONSTANT = 2 * figures.STEP_START_SECONDS + figures.STEP_1_SECONDS + figures.STEP_2_SECONDS
VERIFICATION_CONSTANT = 2 * figures.STEP_START_SECONDS + figures.VERIFICATION_SECONDS
"""Seconds of both steps, and of both verification steps, that more cores do not shorten."""


@dataclass(frozen=True, kw_only=True)
class ClusterPlan:
    """The cluster of a run, before its launch.

    Attributes
    ----------
    core, task : int
        Core nodes (On-Demand), and task nodes (Spot).
    data_gib : int
        The data volume of each node.
    photos, bytes, listed : int
        See `verger.cluster_plan.pace.Work`.
    speed : float or None
        Photos a second of one vCPU in step 1. None when a worker type does not give its vCPUs; so are the following.
    cores : float or None
        Speed of all executors, in cores of the benchmarks.
    runs : int
        Runs of the bucket from which the speed was computed; 0: it is that of the benchmarks.
    start_minutes, step_1_minutes, check_minutes, step_2_minutes : float or None
        The phases of the cluster.
    cost : float or None
        In EUR, without volumes, requests and tax. None when the minutes are unknown or a type has no price.
    notes : tuple of str
        What the user should know.
    """

    core: int
    task: int
    data_gib: int
    photos: int
    bytes: int
    listed: int
    speed: float | None = None
    cores: float | None = None
    runs: int = 0
    start_minutes: float | None = None
    step_1_minutes: float | None = None
    check_minutes: float | None = None
    step_2_minutes: float | None = None
    cost: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def workers(self) -> int:
        """Core and task nodes."""
        return self.core + self.task

    @property
    def minutes(self) -> float | None:
        """From the request to the end of the last verification."""
        phases = (self.start_minutes, self.step_1_minutes, self.check_minutes, self.step_2_minutes)
        known = [phase for phase in phases if phase is not None]
        return sum(known) if len(known) == len(phases) else None

    def options(self, cluster: Cluster) -> Cluster:
        """Return the settings of the cluster with the numbers of the plan."""
        return dataclasses.replace(cluster, core_on_demand=self.core, task_spot=self.task, ebs_data_gib=self.data_gib)

    def document(self) -> dict[str, Any]:
        """Return the JSON object of cluster.json."""
        return {**dataclasses.asdict(self), "minutes": self.minutes, "notes": list(self.notes)}

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> ClusterPlan:
        """Return the plan of a JSON object: the inverse of `document`."""
        values = {field.name: document[field.name] for field in dataclasses.fields(cls)}
        return cls(**{**values, "notes": tuple(values["notes"])})


def plan_cluster(work: Work, pace: Pace, settings: Settings) -> ClusterPlan:
    """Return the smallest cluster that does both steps in VERGER_TARGET_MINUTES, within the limits of the settings.

    Parameters
    ----------
    work : Work
    pace : Pace
        The pace of this bucket's last runs, or that of the benchmarks.
    settings : Settings
    """
    options, vcpus = settings.cluster, nodes.executor_vcpus(settings.cluster)
    least = nodes.least_workers(options)
    if vcpus is None:
        core, task = options.core_on_demand, options.task_spot
        note = "minutes and cost are unknown: the name of a worker type (VERGER_WORKER_INSTANCE_TYPES) has no size"
        return ClusterPlan(
            core=core, task=task, data_gib=_data_gib(work, core, options), notes=(note,), **dataclasses.asdict(work)
        )
    node_cores = vcpus * nodes.slowest_vcpu(options.worker_instance_types)
    first, second = _core_seconds(work, pace, settings)
    enough = math.ceil((first + second) / _seconds_for_photos(settings) / node_cores)
    workers = min(max(enough, least), nodes.most_workers(options, settings.sizing))
    core, task = nodes.core_and_task(workers, options, settings.sizing)
    cores = workers * node_cores
    planned = ClusterPlan(
        core=core,
        task=task,
        data_gib=_data_gib(work, core, options),
        speed=work.photos * node_cores / vcpus / first if first else None,
        cores=cores,
        runs=pace.runs,
        start_minutes=figures.CLUSTER_START_SECONDS / 60,
        step_1_minutes=(figures.STEP_START_SECONDS + figures.STEP_1_SECONDS + first / cores) / 60,
        check_minutes=_verification_seconds(work, cores) / 60,
        step_2_minutes=(figures.STEP_START_SECONDS + figures.STEP_2_SECONDS + second / cores) / 60,
        **dataclasses.asdict(work),
    )
    notes = tuple(_notes(planned, enough, settings))
    return dataclasses.replace(planned, cost=_cost(planned, settings), notes=notes)


def _verification_seconds(work: Work, cores: float) -> float:
    """Return the seconds of both verification steps. They read the rows that the run writes."""
    return VERIFICATION_CONSTANT + work.photos * figures.CHECK_SECONDS / cores


def _seconds_for_photos(settings: Settings) -> float:
    """Return the seconds of the target that remain for the work that all cores share."""
    return 60 * settings.sizing.target_minutes - STEPS_CONSTANT


def _core_seconds(work: Work, pace: Pace, settings: Settings) -> tuple[float, float]:
    decoding = Decoding(settings.featurize.decoding)
    return (
        pace.factor * core_seconds(work.photos, work.bytes, decoding),
        work.listed * figures.ROW_CORE_SECONDS,
    )


def _data_gib(work: Work, core: int, options: Cluster) -> int:
    """Return the size of the data volumes.

    The core nodes alone hold the shuffle data of step 2 when EC2 takes all Spot nodes back.
    """
    needed = math.ceil(work.listed * ROW_BYTES / core / 2**30) + VOLUME_RESERVE_GIB
    return max(min(needed, LARGEST_VOLUME_GIB), options.ebs_data_gib)


def _cost(planned: ClusterPlan, settings: Settings) -> float | None:
    """Return the price of all nodes in EUR: of the cheapest types, which EMR prefers, and the primary node included."""
    options, prices, minutes = settings.cluster, settings.prices, planned.minutes
    hourly = (
        (1, _cheapest(options.primary_instance_types, "ON_DEMAND", prices)),
        (planned.core, _cheapest(options.worker_instance_types, "ON_DEMAND", prices)),
        (planned.task, _cheapest(options.worker_instance_types, "SPOT", prices)),
    )
    known = [count * price for count, price in hourly if price is not None]
    return sum(known) * minutes / 60 if minutes is not None and len(known) == len(hourly) else None


def _cheapest(names: Sequence[str], market: str, prices: Prices) -> float | None:
    """Return the lowest price of several types; None when a type has no price, because EMR may choose it."""
    found = [prices.hourly_price(name, market) for name in names]
    known = [price for price in found if price is not None]
    return min(known) if known and len(known) == len(found) else None


def _notes(planned: ClusterPlan, enough: int, settings: Settings) -> Iterator[str]:
    if enough > planned.workers:
        yield (
            f"{enough:,} workers would do both steps in {settings.sizing.target_minutes} minutes "
            f"(VERGER_TARGET_MINUTES), VERGER_MAX_WORKERS allows {planned.workers:,}"
        )
    longest = max(planned.step_1_minutes or 0.0, planned.step_2_minutes or 0.0)
    if longest > settings.schedule.step_minutes:
        yield (
            f"a step takes about {longest:,.0f} minutes, and is cancelled after {settings.schedule.step_minutes:,} "
            "(VERGER_STEP_MINUTES): raise it, or VERGER_MAX_WORKERS"
        )
    if planned.listed * ROW_BYTES / planned.core / 2**30 + VOLUME_RESERVE_GIB > planned.data_gib:
        yield f"the data of step 2 may fill the volumes of the core nodes ({planned.data_gib:,} GiB)"


def in_words(planned: ClusterPlan) -> str:
    """Return nodes, minutes and cost in one line.

    Parameters
    ----------
    planned : ClusterPlan
    """
    size = f"{planned.core:,} core and {planned.task:,} task nodes for {planned.photos:,} photos"
    minutes = planned.minutes
    if minutes is None:
        return "; ".join([size, *planned.notes])
    runs = "last long run" if planned.runs == 1 else f"last {planned.runs} long runs"
    source = f"the {runs} of this bucket" if planned.runs else "the benchmarks"
    amount = "cost unknown (a type has no price)" if planned.cost is None else f"about {planned.cost:.2f} {CURRENCY}"
    speed = "" if planned.speed is None else f"{planned.speed:,.1f} photos/s a vCPU, "
    parts = [f"{size}: about {minutes:,.0f} minutes and {amount} ({speed}the speed of {source})"]
    if (share := start_share(planned)) and share >= MOSTLY_START:
        parts.append(
            f"{math.floor(100 * share)} % of the minutes do not depend on the photos: a photo costs less when a run "
            "waits for more (VERGER_WAIT_FOR_PHOTOS)"
        )
    return "; ".join([*parts, *planned.notes])


MOSTLY_START = 0.5
"""From this share of the minutes on, the text says what waiting for more photos saves."""


def start_share(planned: ClusterPlan) -> float | None:
    """Return the share of the minutes that a run without photos takes; None when they are unknown."""
    if not planned.minutes or planned.start_minutes is None:
        return None
    return (planned.start_minutes + (STEPS_CONSTANT + VERIFICATION_CONSTANT) / 60) / planned.minutes
