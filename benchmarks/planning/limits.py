"""What becomes the limit where, as photos grow from a million to a hundred million."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.harness import tables
from benchmarks.harness.places import README
from benchmarks.planning.fleet import KEYS_A_PAGE, MACHINES, Figures, Fleet, Machine, Measured, groups, shares
from verger.settings import Cluster, Retention
from verger_contract.schemas import FEATURES_WIDTH
from verger_spark.pca.summing import BLOCK_ROWS, FAN_IN, LAST

MILLION = 1_000_000
FEATURE_BYTES = 4 * FEATURES_WIDTH
SUM_BYTES = 8 * (FEATURES_WIDTH * (FEATURES_WIDTH + 1) // 2 + FEATURES_WIDTH + 2)
"""A block's sums on their way: count, width, sum, upper triangle."""

PUBLICATIONS = 1 + Retention().snapshot_days
LISTED_AT_ONCE = 8
"""Folders, by verger.changes.inventory."""

MOST_NODES = 600
"""VERGER_CORE_ON_DEMAND and VERGER_TASK_SPOT at their highest."""


@dataclass(frozen=True)
class Listing:
    """Seconds a key, as measured with the largest number of keys: of the listing, and of it and what follows."""

    listing_s: float
    all_s: float

    @classmethod
    def read(cls, text: str | None = None) -> Listing:
        """From the table `inventory` of benchmarks/README.md. Raises ValueError when it is not there."""
        text = README.read_text() if text is None else text
        rows = re.findall(r"^\| ([\d,]{9,}) \| .*?\| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|", _block(text), re.MULTILINE)
        if not rows:
            raise ValueError(f"{README}: expected the table that `make bench-inventory` writes, found none")
        keys, *seconds = rows[-1]
        each = [float(value) / int(keys.replace(",", "")) for value in seconds]
        return cls(each[0], sum(each))


def _block(text: str) -> str:
    found = re.search("<!-- inventory -->(.*?)<!-- /inventory -->", text, re.DOTALL)
    return found.group(1) if found else ""


def nights_cluster(measured: Measured, figures: Figures, machine: Machine) -> Fleet:
    """The workers that the settings ask for unless told otherwise."""
    return Fleet(measured, figures, machine, Cluster().core_on_demand + Cluster().task_spot)


@dataclass(frozen=True)
class Reckoning:
    """A run in which all photos are new, on the smallest cluster that does the steps in so many hours."""

    measured: Measured
    figures: Figures
    listing_s: float
    photos: int
    hours: float

    @property
    def fleet(self) -> Fleet | None:
        return Fleet.for_hours(self.measured, self.figures, MACHINES[0], self.photos, self.hours)

    @property
    def shuffled(self) -> int:
        """Bytes that step 2 moves between nodes: every row of features once."""
        return self.photos * FEATURE_BYTES

    @property
    def blocks(self) -> int:
        return math.ceil(self.photos / BLOCK_ROWS)

    def pages(self) -> str:
        pages = math.ceil(self.photos / KEYS_A_PAGE)
        waiting, work = pages * self.figures["LIST"] / LISTED_AT_ONCE, self.photos * self.listing_s
        return f"{pages:,} LISTs, {span(max(waiting, work))}"

    def check(self) -> str:
        return span(self.photos * self.measured.check_s)

    def sums(self) -> str:
        return f"{self.blocks * SUM_BYTES / 1e9:,.1f} GB"

    def nodes(self) -> str:
        return f"{self.fleet.nodes:,}" if self.fleet else "-"

    def gets(self) -> str:
        if not (fleet := self.fleet):
            return "-"
        a_second = fleet.cores / self.measured.step_1.core_s
        return f"{a_second:,.0f} GET/s, {a_second / self.figures['GET/s']:.0%}"

    def tasks(self) -> str:
        if not (fleet := self.fleet):
            return "-"
        found = len(shares(self.photos, fleet.vcpus))
        return f"{found:,}, {found / fleet.life(self.photos, self.photos).step_1_s:.1f} a second"

    def disks(self) -> str:
        if not (fleet := self.fleet):
            return "-"
        on_a_node = self.shuffled / fleet.nodes
        return f"{on_a_node / 1e9:,.1f} of {self.shuffled / 1e9:,.0f} GB, {span(2 * on_a_node / self._volume)} of disk"

    def pieces(self) -> str:
        if not (fleet := self.fleet):
            return "-"
        maps = len(groups(self.measured, shares(self.photos, fleet.vcpus), fleet.vcpus))
        return f"{maps:,} × {self.blocks:,} of {self.shuffled / (maps * self.blocks) / 1e3:,.0f} kB"

    @property
    def _volume(self) -> float:
        return self.figures["volume"] * 1e6


def table(
    measured: Measured, figures: Figures, listing: Listing, amounts: Sequence[int], hours: Sequence[float]
) -> str:
    """Rows: what grows, how large it is for each number of photos, where it binds and what then."""
    found = [Reckoning(measured, figures, listing.listing_s, photos, each) for photos in amounts for each in hours]
    cluster = Cluster()
    a_node = MACHINES[0].cores(figures) / measured.step_1.core_s
    idle, eight_hours = (seconds / measured.check_s / MILLION for seconds in (cluster.idle_timeout, 8 * 3600))
    on_disk = cluster.ebs_data_gib * 2**30 / FEATURE_BYTES / MILLION
    rows: list[tuple[str, Callable[[Reckoning], str], str]] = [
        ("workers", Reckoning.nodes, f"Verger's settings allow {MOST_NODES:,}"),
        ("listing, in Airflow", Reckoning.pages, "before any cluster: it costs time, not nodes"),
        (
            "reading photos from S3",
            Reckoning.gets,
            f"of {figures['GET/s']:,.0f} a second, which S3 promises for each partition of the keys and "
            f"{figures['GET/s'] / a_node:,.0f} {MACHINES[0].worker} ask for; it splits busy partitions by itself, "
            "within the hour, and answers 503 until then, which the client tries again",
        ),
        ("step 1: tasks, and files of features", Reckoning.tasks, "a driver hands out some hundreds a second"),
        (
            "check_features, new photos",
            Reckoning.check,
            f"one process, while the cluster waits: for more than {idle:,.1f} million new photos it takes longer than "
            f"VERGER_IDLE_TIMEOUT ({cluster.idle_timeout:,} s), and EMR ends the cluster: raise it, or let them come "
            "in several nights",
        ),
        (
            "check_projections, all photos",
            Reckoning.check,
            "one process, every night, whatever is new, when the cluster is gone: for more than "
            f"{eight_hours:,.0f} million photos it alone takes eight hours",
        ),
        (
            "step 2: shuffle on a node",
            Reckoning.disks,
            f"a node's volume (VERGER_EBS_DATA_GIB, {cluster.ebs_data_gib}) holds that of {on_disk:,.0f} million",
        ),
        ("step 2: pieces of the shuffle", Reckoning.pieces, "each is a read of its own: small ones are slow"),
        (
            "step 2: sums of blocks",
            Reckoning.sums,
            f"merged {FAN_IN} by {FAN_IN} on the workers, the last {LAST} on the driver",
        ),
    ]
    return tables.markdown([_row(name, found, show, remark) for name, show, remark in rows])


def _row(name: str, found: Sequence[Reckoning], show: Callable[[Reckoning], str], remark: str) -> dict[str, Any]:
    named = {f"{each.photos / MILLION:,.0f} million, steps in {each.hours:g} h": show(each) for each in found}
    return {"what": name, **named, "where it binds": remark}


def span(seconds: float) -> str:
    """Seconds, minutes or hours, whichever reads well."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
