"""What the clusters of a run used according to EMR: node hours, and their estimated cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from verger.emr.requests import RUN_TAG
from verger.publication.retention import LONGEST_RUN
from verger.settings.prices import CURRENCY, Prices
from verger_contract.keys import Run, s3_scheme, uri
from verger_contract.report import Cost, NodeHours

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient

MINIMUM_SECONDS = 60.0
"""EC2 and EMR bill by the second, and one minute at least."""


@dataclass(frozen=True)
class Node:
    """One instance of a cluster.

    Attributes
    ----------
    instance_type : str
    market : str
        ON_DEMAND or SPOT.
    since : datetime or None
        When the instance was launched; None when it never was.
    until : datetime
        When the instance ended, or the present time.
    running : bool
        The instance has not ended.
    """

    instance_type: str
    market: str
    since: datetime | None
    until: datetime
    running: bool

    @property
    def hours(self) -> float:
        """Billed hours."""
        if self.since is None:
            return 0.0
        return max((self.until - self.since).total_seconds(), MINIMUM_SECONDS) / 3600


def measure(emr: EMRClient, run: Run, prices: Prices, now: datetime) -> Cost | None:
    """Return node hours and estimated cost of the clusters of a run; None when the run launched no cluster.

    Parameters
    ----------
    emr : EMRClient
    run : Run
    prices : Prices
    now : datetime
        Nodes that are still running count until this time.
    """
    clusters = list(clusters_of(emr, run, now - LONGEST_RUN))
    if not clusters:
        return None
    nodes = [node for cluster in clusters for node in _nodes(emr, cluster, now)]
    return estimate(clusters, nodes, prices)


def clusters_of(emr: EMRClient, run: Run, since: datetime) -> Iterator[str]:
    """Yield the ids of all clusters of a run that were launched after `since`, including ended clusters.

    A cluster belongs to the run when its name, its tag and the bucket of its logs match. The bucket is needed because
    two Airflow installations in one account can have runs of the same id.
    """
    for page in emr.get_paginator("list_clusters").paginate(CreatedAfter=since):
        for found in page["Clusters"]:
            if found["Name"] != f"verger {run.id}":
                continue
            cluster = emr.describe_cluster(ClusterId=found["Id"])["Cluster"]
            tags = {tag["Key"]: tag["Value"] for tag in cluster.get("Tags", ())}
            logs = s3_scheme(cluster.get("LogUri", ""))
            if tags.get(RUN_TAG) == run.id and logs.startswith(uri(run.bucket, "")):
                yield found["Id"]


def _nodes(emr: EMRClient, cluster: str, now: datetime) -> Iterator[Node]:
    ended = emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["Timeline"].get("EndDateTime")
    for page in emr.get_paginator("list_instances").paginate(ClusterId=cluster):
        for instance in page["Instances"]:
            timeline = instance["Status"].get("Timeline", {})
            end = timeline.get("EndDateTime") or ended
            yield Node(
                instance_type=instance.get("InstanceType", "unknown"),
                market=instance.get("Market", "ON_DEMAND"),
                since=timeline.get("CreationDateTime"),
                until=end or now,
                running=end is None,
            )


def estimate(clusters: list[str], nodes: Iterable[Node], prices: Prices) -> Cost:
    """Sum up the nodes by instance type and market, and estimate their cost. Pure.

    Parameters
    ----------
    clusters : list of str
        Ids of the clusters.
    nodes : iterable of Node
        All nodes of the clusters.
    prices : Prices
    """
    found = list(nodes)
    kinds = sorted({(node.instance_type, node.market) for node in found})
    rows = [_sum_up(kind, found) for kind in kinds]
    hourly = [prices.hourly_price(row["type"], row["market"]) for row in rows]
    unknown = sorted({row["type"] for row, price in zip(rows, hourly, strict=True) if price is None})
    costs = [row["hours"] * price for row, price in zip(rows, hourly, strict=True) if price is not None]
    return {
        "clusters": clusters,
        "node_hours": round(sum(row["hours"] for row in rows), 4),
        "estimated_cost": None if unknown else round(sum(costs), 4),
        "currency": CURRENCY,
        "nodes": [{**row, "hours": round(row["hours"], 4)} for row in rows],
        "explanation": " ".join(_explanation(found, unknown, prices)),
    }


def _sum_up(kind: tuple[str, str], nodes: Iterable[Node]) -> NodeHours:
    hours = [node.hours for node in nodes if (node.instance_type, node.market) == kind]
    return {"type": kind[0], "market": kind[1], "count": len(hours), "hours": sum(hours)}


def _explanation(nodes: list[Node], unknown: list[str], prices: Prices) -> Iterator[str]:
    running = sum(node.running for node in nodes)
    yield "EMR reports the node hours, from the launch of each node to its end."
    if running:
        counted = (
            "One node was still running: it counts"
            if running == 1
            else f"{running} nodes were still running: they count"
        )
        yield f"{counted} until the time of this report."
    if unknown:
        yield f"No estimate: VERGER_INSTANCE_PRICES has no price for {', '.join(unknown)}."
        return
    yield (
        f"Estimated from stated prices: EC2 On-Demand (VERGER_INSTANCE_PRICES), Spot at {prices.spot_share:.0%} of it, "
        f"EMR {prices.emr_share:.0%} on top, {prices.eur_for_usd:g} EUR for a USD; without volumes, requests and tax."
    )


def in_words(cost: Mapping[str, Any] | None) -> str:
    """Return node hours and estimated cost as one line of text.

    Parameters
    ----------
    cost : mapping or None
        A `Cost`, or the member `cost` of a parsed report.json.
    """
    if cost is None:
        return "no cluster was launched, or EMR did not answer"
    amount = cost["estimated_cost"]
    price = "cost unknown (a type has no price)" if amount is None else f"about {amount:.2f} {cost['currency']}"
    return f"{cost['node_hours']:.2f} node hours, {price}"
