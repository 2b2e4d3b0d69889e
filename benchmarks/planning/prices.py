"""What planning reckons with and nobody measured here: prices, each with its source and date, and assumptions.

Prices are those of Europe (Paris), eu-west-3, without tax. Where none could be confirmed, `confirmed` is False: look it
up before you rely on it. Every figure can be given anew: `benchmarks.planning --set spot=0.35 cluster_start=600`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from verger.settings.prices import Prices

CATALOGUE = "skypilot-org/skypilot-catalog v8, which copies AWS's price list, commit 00148f2, looked up 2026-11-24"
SETTINGS = Prices()
"""What the report of a run reckons with unless it is set otherwise: the same figures."""

HOUR, CORES = "USD an hour", "measured cores"


@dataclass(frozen=True)
class Stated:
    """A figure that is said, not measured."""

    value: float
    unit: str
    source: str
    confirmed: bool = False


STATED: dict[str, Stated] = {
    "c6i.xlarge": Stated(SETTINGS.on_demand["c6i.xlarge"], HOUR, CATALOGUE, confirmed=True),
    "c7i.xlarge": Stated(0.2121, HOUR, CATALOGUE, confirmed=True),
    "c7g.xlarge": Stated(0.1717, HOUR, CATALOGUE, confirmed=True),
    "m6i.xlarge": Stated(
        SETTINGS.on_demand["m6i.xlarge"],
        HOUR,
        f"half of m5.2xlarge's 0.448 ({CATALOGUE}); that m6i costs what m5 does",
    ),
    "m7g.xlarge": Stated(0.1904, HOUR, "us-east-1's 0.1632, dearer by as much as m6i is in Paris"),
    "spot": Stated(
        SETTINGS.spot_share,
        "of the on-demand price",
        "the catalogue's three zones at one moment: c6i 0.32 to 0.42, c7i 0.35 to 0.39, c7g 0.35 to 0.85",
    ),
    "EMR": Stated(
        SETTINGS.emr_share,
        "of the on-demand price, on Spot too",
        "us-east-1: 0.048 USD an hour for m5 and m6i.xlarge, 0.043 for c5 and c6i.xlarge; that the share holds in "
        "Paris and for Graviton",
    ),
    "gp3": Stated(
        0.0928, "USD a GB-month", "AWS Price List API, in force 2026-09-01, as quoted in a public repository", True
    ),
    "S3 GET": Stated(0.00042, "USD a thousand", "an AWS bill of July 2019, EUW3-Requests-Tier2; that it is still so"),
    "S3 PUT, LIST": Stated(0.0053, "USD a thousand", "the same bill, EUW3-Requests-Tier1; that it is still so"),
    "S3 storage": Stated(0.024, "USD a GB-month", "the same bill, the first 50 TB; that it is still so"),
    "EUR": Stated(SETTINGS.eur_for_usd, "EUR for a USD", "of the order of the rates of 2026"),
    "x86 core": Stated(1.0, CORES, "a core of c6i and of c7i is as fast as one of the measured machine's"),
    "two threads": Stated(
        1.0,
        "of one thread's work",
        "two threads of one core do together what one does alone: dense float32 arithmetic keeps its units busy",
    ),
    "Graviton core": Stated(
        0.7, CORES, "by clock and width of the vector units (Neoverse V1 against Zen 4); nothing was measured on arm64"
    ),
    "cluster start": Stated(420, "s", "5 to 8 minutes from RunJobFlow to the first step; some say 10 to 15"),
    "step start": Stated(30, "s", "spark-submit on YARN until Spark has its executors; the local start is shorter"),
    "LIST": Stated(0.15, "s", "answer of a LIST of 1,000 keys, eight under way at once"),
    "GET/s": Stated(
        5500,
        "requests/s",
        "AWS, Best practices design patterns: optimizing Amazon S3 performance, for each partition",
        True,
    ),
    "volume": Stated(
        125, "MB/s", "AWS, EC2 API: the least throughput of a gp3 volume, read and written together", True
    ),
}


def stated(given: Iterable[str] = ()) -> dict[str, Stated]:
    """All figures; `given` are others for some of them, as NAME=VALUE, where `_` stands for a blank in the name.

    Raises ValueError for an unknown name and for what is no number.
    """
    figures = dict(STATED)
    for text in given:
        name, _, value = text.partition("=")
        name = name.replace("_", " ")
        if name not in figures:
            raise ValueError(f"{text!r}: expected one of {', '.join(figures)} before the '='")
        figures[name] = replace(figures[name], value=float(value), source="given by hand", confirmed=True)
    return figures
