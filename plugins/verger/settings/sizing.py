"""The settings by which a run chooses the size of its cluster, or waits for more photos."""

from __future__ import annotations

from dataclasses import dataclass

from verger.settings.fields import between


@dataclass(frozen=True, kw_only=True)
class Sizing:
    """The size of a run's cluster. `verger.cluster_plan` computes it."""

    target_minutes: int = between(
        "how long both steps together should take at most, without the start of the cluster and the checks in Airflow; "
        "a run launches more nodes than VERGER_CORE_ON_DEMAND and VERGER_TASK_SPOT when these need longer",
        5,
        1440,
        30,
        "minutes",
    )
    max_workers: int = between(
        "the largest number of core and task nodes that a run launches to reach VERGER_TARGET_MINUTES; a number that "
        "is not above VERGER_CORE_ON_DEMAND plus VERGER_TASK_SPOT: every run launches exactly these nodes",
        0,
        600,
        40,
        "nodes",
    )
    spot_nodes_share: float = between(
        "how many of the nodes that a run adds are task nodes (Spot), rounded down; the others are core nodes "
        "(On-Demand), so that not all work is lost with the Spot capacity; with VERGER_TASK_SPOT=0, all are core nodes",
        0,
        1,
        0.8,
        "share",
    )
    wait_for_photos: int = between(
        "a run with fewer new photos and no other work launches no cluster and waits for more photos; 0: no run waits",
        0,
        10_000_000,
        0,
        "photos",
    )
    wait_hours: int = between(
        "no run waits for more photos when the last publication is older; a run also never waits when photos were "
        "changed or deleted, before the first publication, or when it is started with launch_now",
        1,
        8760,
        24,
        "hours",
    )
