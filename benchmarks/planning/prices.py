"""Figures of the planning that were not measured: prices, each with its source and date, and assumptions.

Prices are those of Europe (Paris), eu-west-3, without tax. `confirmed` is False for a price without a reliable source:
check it before you use it. Every figure can be replaced: `benchmarks.planning --set spot=0.35 cluster_start=600`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from verger.cluster_plan import figures
from verger.settings.prices import Prices

CATALOGUE = "skypilot-org/skypilot-catalog v8, which copies AWS's price list, commit 00148f2, looked up 2026-11-24"
SETTINGS = Prices()
"""The default prices, by which the report of a run computes its cost."""

HOUR, CORES = "USD an hour", "measured cores"


@dataclass(frozen=True)
class Stated:
    """A price or an assumption: a figure that was not measured."""

    value: float
    unit: str
    source: str
    confirmed: bool = False


STATED: dict[str, Stated] = {
    "c6i.xlarge": Stated(SETTINGS.on_demand["c6i.xlarge"], HOUR, CATALOGUE, confirmed=True),
    "c7i.xlarge": Stated(SETTINGS.on_demand["c7i.xlarge"], HOUR, CATALOGUE, confirmed=True),
    "c7g.xlarge": Stated(SETTINGS.on_demand["c7g.xlarge"], HOUR, CATALOGUE, confirmed=True),
    "m6i.xlarge": Stated(
        SETTINGS.on_demand["m6i.xlarge"],
        HOUR,
        f"half of 0.448 for m5.2xlarge ({CATALOGUE}); assumes that m6i costs as much as m5",
    ),
    "m7g.xlarge": Stated(
        SETTINGS.on_demand["m7g.xlarge"], HOUR, "0.1632 in us-east-1, increased by the same factor as m6i in Paris"
    ),
    "spot": Stated(
        SETTINGS.spot_share,
        "of the on-demand price",
        "the three zones of the catalogue at one moment: c6i 0.32 to 0.42, c7i 0.35 to 0.39, c7g 0.35 to 0.85",
    ),
    "EMR": Stated(
        SETTINGS.emr_share,
        "of the on-demand price, on Spot too",
        "us-east-1: 0.048 USD an hour for m5 and m6i.xlarge, 0.043 for c5 and c6i.xlarge; assumes the same share "
        "in Paris and for Graviton",
    ),
    "gp3": Stated(
        0.0928, "USD a GB-month", "AWS Price List API, in force 2026-09-01, as quoted in a public repository", True
    ),
    "S3 GET": Stated(0.00042, "USD a thousand", "an AWS bill of July 2019, EUW3-Requests-Tier2; may have changed"),
    "S3 PUT, LIST": Stated(0.0053, "USD a thousand", "the same bill, EUW3-Requests-Tier1; may have changed"),
    "S3 storage": Stated(0.024, "USD a GB-month", "the same bill, the first 50 TB; may have changed"),
    "KMS key": Stated(1.0, "USD a month", "AWS, pricing page of KMS, read 2026-11-27; the same in all regions", True),
    "interface endpoint": Stated(
        0.012,
        "USD an hour in each subnet",
        "0.01 in us-west-2 (AWS Price List API, 2026-10, as quoted in a public repository), increased by a fifth",
    ),
    "CloudWatch metric": Stated(
        0.3, "USD a month", "us-east-1, a custom metric; a request metric of S3 is billed as one where it has data"
    ),
    "CloudWatch alarm": Stated(0.1, "USD a month", "us-east-1, an alarm of standard resolution"),
    "EUR": Stated(SETTINGS.eur_for_usd, "EUR for a USD", "about the rate of 2026"),
    "x86 core": Stated(
        figures.X86_CORE,
        CORES,
        "assumes that a core of c6i and of c7i is as fast as one of the measured machine",
    ),
    "two threads": Stated(
        figures.TWO_THREADS,
        "of one thread's work",
        "assumes that two threads of one core together do the work of one: one thread uses all of its vector units",
    ),
    "Graviton core": Stated(
        figures.GRAVITON_CORE,
        CORES,
        "from clock and width of the vector units (Neoverse V1 against Zen 4); not measured",
    ),
    "cluster start": Stated(
        figures.CLUSTER_START_SECONDS,
        "s",
        "5 to 8 minutes from RunJobFlow to the first step; other sources: 10 to 15",
    ),
    "step start": Stated(
        figures.STEP_START_SECONDS,
        "s",
        "from spark-submit on YARN to the first executors of Spark; the local start is shorter",
    ),
    "LIST": Stated(0.15, "s", "response time of a LIST of 1,000 keys, with eight at the same time"),
    "GET/s": Stated(
        5500,
        "requests/s",
        "AWS, Best practices design patterns: optimizing Amazon S3 performance, for each partition",
        True,
    ),
    "volume": Stated(
        125, "MB/s", "AWS, EC2 API: the lowest throughput of a gp3 volume, reads and writes together", True
    ),
}


def stated(given: Iterable[str] = ()) -> dict[str, Stated]:
    """Return all figures, some of them replaced.

    Parameters
    ----------
    given : iterable of str
        Replacements as NAME=VALUE. In the name `_` stands for a space.

    Raises
    ------
    ValueError
        A name is unknown, or a value is not a number.
    """
    found = dict(STATED)
    for text in given:
        name, _, value = text.partition("=")
        name = name.replace("_", " ")
        if name not in found:
            raise ValueError(f"{text!r}: expected one of {', '.join(found)} before the '='")
        found[name] = replace(found[name], value=float(value), source="set by hand", confirmed=True)
    return found
