"""The clusters that runs plan for themselves (`verger.cluster_plan`), by photos and region."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from benchmarks.harness import tables
from verger.cluster_plan.pace import AS_BENCHMARKS, Work
from verger.cluster_plan.plan import ClusterPlan, plan_cluster
from verger.settings import Settings

PHOTOS = (0, 700, 23_619, 1_000_000, 10_000_000, 100_000_000)
PHOTO_BYTES = 5000
"""Of a photo of Fruits-360."""

PRICES: Mapping[str, float] = {"eu-west-3": 1.0, "eu-central-1": 0.2037 / 0.2121, "eu-north-1": 0.1911 / 0.2121}
"""Prices of a region, compared with those of the settings (Paris): the ratio of c7i.xlarge in the catalogue of
`benchmarks.planning.prices`, applied to all types."""


def planned(photos: int, region: str) -> tuple[Settings, ClusterPlan]:
    """Return the settings of a region and the plan of a run in which all photos are new."""
    settings = Settings.from_environment({"VERGER_BUCKET": "orchard", "VERGER_REGION": region})
    by_type = (f"{name}={price * PRICES[region]:.4f}" for name, price in settings.prices.on_demand.items())
    prices = dataclasses.replace(settings.prices, instance_prices=tuple(by_type))
    settings = dataclasses.replace(settings, prices=prices)
    work = Work(photos=photos, bytes=photos * PHOTO_BYTES, listed=photos)
    return settings, plan_cluster(work, AS_BENCHMARKS, settings)


def row(photos: int, region: str) -> dict[str, Any]:
    """Return the row of a plan."""
    settings, plan = planned(photos, region)
    if not photos:
        return {
            "photos": photos,
            "region": region,
            "worker types": "no cluster: a run with nothing to do ends after its plan",
            **dict.fromkeys(("core", "task", "volume, GiB", "step 1, min", "check, min", "step 2, min"), "-"),
            "cluster, min": "0",
            "EUR": "0.00",
            "EUR a thousand photos": "-",
        }
    minutes, cost = plan.minutes or 0.0, plan.cost or 0.0
    return {
        "photos": photos,
        "region": region,
        "worker types": ", ".join(settings.cluster.worker_instance_types),
        "core": plan.core,
        "task": plan.task,
        "volume, GiB": plan.data_gib,
        "step 1, min": f"{plan.step_1_minutes or 0:,.1f}",
        "check, min": f"{plan.check_minutes or 0:,.1f}",
        "step 2, min": f"{plan.step_2_minutes or 0:,.1f}",
        "cluster, min": f"{minutes:,.1f}",
        "EUR": f"{cost:,.2f}",
        "EUR a thousand photos": f"{1000 * cost / photos:,.5f}",
    }


def table() -> str:
    """Return the table of all plans."""
    return tables.markdown([row(photos, region) for photos in PHOTOS for region in PRICES])
