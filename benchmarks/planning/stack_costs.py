"""What the stack of infra/verger.yaml costs a month, without and with runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from benchmarks.harness import tables
from benchmarks.harness.places import ROOT
from benchmarks.planning.cluster_plans import PRICES, planned

TEMPLATE = ROOT / "infra" / "verger.yaml"
HOURS = 730
"""Of a month."""

RUNS = 30
NEW_PHOTOS = (0, 700, 23_619)
"""New photos of a run."""

REQUEST_METRICS = 16
"""Request metrics that S3 has for a filter, at most."""

SESSIONS = "SessionEndpoints"
"""Condition of the endpoints for Session Manager."""


class _Loader(yaml.SafeLoader):
    """Reads the short forms of intrinsic functions as their arguments."""


def _argument(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    raise TypeError(f"{node.tag} at line {node.start_mark.line + 1}: expected a text or a list as its argument")


_Loader.add_multi_constructor("!", _argument)


def items(figures: Mapping[str, float]) -> list[tuple[str, int, float]]:
    """Return what AWS bills by the month: name, how many, USD a month for each.

    Parameters
    ----------
    figures : mapping of str to float
        Prices by name (see `benchmarks.planning.prices`).
    """
    resources = yaml.load(TEMPLATE.read_text(), _Loader)["Resources"].values()  # noqa: S506 (a SafeLoader)
    kinds = [resource["Type"] for resource in resources]
    endpoints = [
        resource.get("Condition")
        for resource in resources
        if resource["Type"] == "AWS::EC2::VPCEndpoint" and resource["Properties"]["VpcEndpointType"] == "Interface"
    ]
    endpoint = figures["interface endpoint"] * HOURS * kinds.count("AWS::EC2::Subnet")
    return [
        ("KMS key", kinds.count("AWS::KMS::Key"), figures["KMS key"]),
        ("interface endpoint for KMS, in two subnets", len(endpoints) - endpoints.count(SESSIONS), endpoint),
        ("alarm", kinds.count("AWS::CloudWatch::Alarm"), figures["CloudWatch alarm"]),
        ("request metrics of `published.json`, at most", REQUEST_METRICS, figures["CloudWatch metric"]),
        ("interface endpoints of `SessionManager=true`", endpoints.count(SESSIONS), endpoint),
    ]


def idle(figures: Mapping[str, float]) -> float:
    """Return the USD a month of a stack with default parameters that launches no cluster and holds no data."""
    return sum(count * usd for _, count, usd in items(figures)[:-1])


def stack(figures: Mapping[str, float]) -> str:
    """Return the table of what AWS bills by the month."""
    rows = [
        {"part": name, "number": count, "USD a month each": f"{usd:.2f}", "EUR a month": euro(count * usd, figures)}
        for name, count, usd in items(figures)
    ]
    total = {"part": "**a stack with default parameters**", "number": "", "USD a month each": ""}
    return tables.markdown([*rows, {**total, "EUR a month": euro(idle(figures), figures)}])


def months(figures: Mapping[str, float]) -> str:
    """Return the table of a month with a run each day, by region and new photos of a run."""
    rows = []
    for region in PRICES:
        for photos in NEW_PHOTOS:
            clusters = RUNS * (planned(photos, region)[1].cost or 0.0) if photos else 0.0
            rows.append(
                {
                    "region": region,
                    "new photos of each run": photos,
                    "clusters, EUR": f"{clusters:.2f}",
                    "stack, EUR": euro(idle(figures), figures),
                    "a month, EUR": f"{clusters + idle(figures) * figures['EUR']:.2f}",
                }
            )
    return tables.markdown(rows)


def euro(usd: float, figures: Mapping[str, float]) -> str:
    """Format an amount in USD as EUR."""
    return f"{usd * figures['EUR']:.2f}"
