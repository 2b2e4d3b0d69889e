"""What a run's clusters used, as EMR knows it: node hours, and their estimated cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from verger.emr.requests import RUN_TAG
from verger.publication.retention import LONGEST_RUN
from verger.settings.prices import CURRENCY, Prices
from verger_contract.keys import Run, s3_scheme, uri

LEAST_SECONDS = 60.0
"""EC2 and EMR count seconds, a minute at least."""


@dataclass(frozen=True)
class Node:
    """One instance, as long as it was there: from its launch to its end, or until now. `since` None: never launched."""

    type: str
    market: str
    since: datetime | None
    until: datetime
    running: bool

    @property
    def hours(self) -> float:
        if self.since is None:
            return 0.0
        return max((self.until - self.since).total_seconds(), LEAST_SECONDS) / 3600


def measure(emr: Any, run: Run, prices: Prices, now: datetime) -> dict[str, Any] | None:
    """Node hours and estimated cost of the clusters that were launched for the run; None when there was none.

    `emr`: boto3's client.
    """
    clusters = list(clusters_of(emr, run, now - LONGEST_RUN))
    if not clusters:
        return None
    nodes = [node for cluster in clusters for node in _nodes(emr, cluster, now)]
    return {"clusters": clusters, **estimate(nodes, prices)}


def clusters_of(emr: Any, run: Run, since: datetime) -> Iterator[str]:
    """Ids of all clusters of the run launched after `since`, ended ones too: by name, then by tag and by the bucket of
    their logs, since two Airflows name their runs alike.
    """
    for page in emr.get_paginator("list_clusters").paginate(CreatedAfter=since):
        for found in page["Clusters"]:
            if found["Name"] != f"verger {run.id}":
                continue
            cluster = emr.describe_cluster(ClusterId=found["Id"])["Cluster"]
            tags = {tag["Key"]: tag["Value"] for tag in cluster.get("Tags", ())}
            logs = s3_scheme(cluster.get("LogUri", ""))
            if tags.get(RUN_TAG) == run.id and logs.startswith(uri(run.bucket, "")):
                yield str(found["Id"])


def _nodes(emr: Any, cluster: str, now: datetime) -> Iterator[Node]:
    ended = emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["Timeline"].get("EndDateTime")
    for page in emr.get_paginator("list_instances").paginate(ClusterId=cluster):
        for instance in page["Instances"]:
            timeline = instance["Status"].get("Timeline", {})
            end = timeline.get("EndDateTime") or ended
            yield Node(
                type=instance.get("InstanceType", "unknown"),
                market=instance.get("Market", "ON_DEMAND"),
                since=timeline.get("CreationDateTime"),
                until=end or now,
                running=end is None,
            )


def estimate(nodes: Iterable[Node], prices: Prices) -> dict[str, Any]:
    """The nodes summed up by type and market, what they cost together, and how that was reckoned. Pure."""
    found = list(nodes)
    kinds = sorted({(node.type, node.market) for node in found})
    rows = [_summed(kind, found) for kind in kinds]
    asked = [prices.an_hour(row["type"], row["market"]) for row in rows]
    unknown = sorted({row["type"] for row, price in zip(rows, asked, strict=True) if price is None})
    costs = [row["hours"] * price for row, price in zip(rows, asked, strict=True) if price is not None]
    return {
        "node_hours": round(sum(row["hours"] for row in rows), 4),
        "estimated_cost": None if unknown else round(sum(costs), 4),
        "currency": CURRENCY,
        "nodes": [{**row, "hours": round(row["hours"], 4)} for row in rows],
        "explanation": " ".join(_says(found, unknown, prices)),
    }


def _summed(kind: tuple[str, str], nodes: Iterable[Node]) -> dict[str, Any]:
    hours = [node.hours for node in nodes if (node.type, node.market) == kind]
    return {"type": kind[0], "market": kind[1], "count": len(hours), "hours": sum(hours)}


def _says(nodes: list[Node], unknown: list[str], prices: Prices) -> Iterator[str]:
    running = sum(node.running for node in nodes)
    yield "Node hours are EMR's, from the launch of each node to its end."
    if running:
        yield f"{_nodes_were(running)} still running when this was written, and {_counts(running)} until then."
    if unknown:
        yield f"No estimate: VERGER_INSTANCE_PRICES has no price for {', '.join(unknown)}."
        return
    yield (
        f"Estimated from stated prices: EC2 On-Demand (VERGER_INSTANCE_PRICES), Spot at {prices.spot_share:.0%} of it, "
        f"EMR {prices.emr_share:.0%} on top, {prices.eur_for_usd:g} EUR for a USD; without volumes, requests and tax."
    )


def _nodes_were(count: int) -> str:
    return "One node was" if count == 1 else f"{count} nodes were"


def _counts(count: int) -> str:
    return "counts" if count == 1 else "count"


def in_words(cost: Mapping[str, Any] | None) -> str:
    """For one line: node hours, and the estimate or that there is none."""
    if cost is None:
        return "no cluster was launched, or EMR could not be asked"
    amount = cost["estimated_cost"]
    price = "cost unknown (a type has no price)" if amount is None else f"about {amount:.2f} {cost['currency']}"
    return f"{cost['node_hours']:.2f} node hours, {price}"
