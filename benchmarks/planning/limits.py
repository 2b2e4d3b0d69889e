"""What limits a run as the photos grow from a million to a hundred million, and at which number."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.harness import tables
from benchmarks.harness.places import README
from benchmarks.planning.fleet import MACHINES, Figures, Fleet, Machine, Measured
from benchmarks.planning.requests import KEYS_A_PAGE, groups, splits
from verger.settings import Cluster, Retention
from verger_contract.schemas import FEATURES_WIDTH
from verger_spark.pca.sums.summing import BLOCK_ROWS, FAN_IN, LAST

MILLION = 1_000_000
FEATURE_BYTES = 4 * FEATURES_WIDTH
SUM_BYTES = 8 * (FEATURES_WIDTH * (FEATURES_WIDTH + 1) // 2 + FEATURES_WIDTH + 2)
"""Bytes of the sums of one block of rows: count, width, sums, upper triangle of the products."""

SNAPSHOTS = 1 + Retention().snapshot_days
LISTED_AT_ONCE = 32
"""Ranges of keys that verger.changes.inventory lists at the same time (VERGER_LIST_REQUESTS)."""

VERIFICATION = (
    "Spark tasks over the files, on all cores; the start of Spark and the photos of the sample are not counted"
)

MOST_NODES = 600
"""The sum of the highest values of VERGER_CORE_ON_DEMAND and VERGER_TASK_SPOT."""


@dataclass(frozen=True)
class Listing:
    """Seconds for each key, measured with the largest number of keys: of the listing, and of all parts."""

    listing_s: float
    all_s: float

    @classmethod
    def read(cls, text: str | None = None) -> Listing:
        """Read the table `inventory` of benchmarks/README.md.

        Raises
        ------
        ValueError
            The table is missing.
        """
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


def default_fleet(measured: Measured, figures: Figures, machine: Machine) -> Fleet:
    """Return the cluster of the default settings."""
    return Fleet(measured, figures, machine, Cluster().core_on_demand + Cluster().task_spot)


@dataclass(frozen=True)
class FirstRun:
    """A run in which all photos are new, on the smallest cluster that does both steps in `hours`.

    The methods return the cells of the table.
    """

    measured: Measured
    figures: Figures
    listing_s: float
    photos: int
    hours: float

    @property
    def fleet(self) -> Fleet | None:
        """The cluster. None means that no number of nodes is enough."""
        return Fleet.for_hours(self.measured, self.figures, MACHINES[0], self.photos, self.hours)

    @property
    def shuffled(self) -> int:
        """Bytes that step 2 moves between nodes: each row of features once."""
        return self.photos * FEATURE_BYTES

    @property
    def blocks(self) -> int:
        """Blocks of rows that step 2 sums up."""
        return math.ceil(self.photos / BLOCK_ROWS)

    def pages(self) -> str:
        """Return the LISTs and their time."""
        pages = math.ceil(self.photos / KEYS_A_PAGE)
        responses, work = pages * self.figures["LIST"] / LISTED_AT_ONCE, self.photos * self.listing_s
        return f"{pages:,} LISTs, {span(max(responses, work))}"

    def check(self) -> str:
        """Return the time in which all cores read and check all features."""
        return span(self.photos * self.measured.check_s / self.fleet.cores) if self.fleet else "-"

    def sums(self) -> str:
        """Return the size of the sums of all blocks."""
        return f"{self.blocks * SUM_BYTES / 1e9:,.1f} GB"

    def nodes(self) -> str:
        """Return the number of workers."""
        return f"{self.fleet.nodes:,}" if self.fleet else "-"

    def gets(self) -> str:
        """Return the GETs of photos in a second, and their share of what S3 allows."""
        if not (fleet := self.fleet):
            return "-"
        a_second = fleet.cores / self.measured.step_1.core_s
        return f"{a_second:,.0f} GET/s, {a_second / self.figures['GET/s']:.0%}"

    def tasks(self) -> str:
        """Return the Spark tasks of step 1, and how many end in a second."""
        if not (fleet := self.fleet):
            return "-"
        found = len(splits(self.photos, fleet.vcpus))
        return f"{found:,}, {found / fleet.phases(self.photos, self.photos).step_1_s:.1f} a second"

    def disks(self) -> str:
        """Return the shuffle data on a node, and the time of its disk."""
        if not (fleet := self.fleet):
            return "-"
        on_a_node = self.shuffled / fleet.nodes
        return f"{on_a_node / 1e9:,.1f} of {self.shuffled / 1e9:,.0f} GB, {span(2 * on_a_node / self._volume)} of disk"

    def pieces(self) -> str:
        """Return the pieces of the shuffle and their size."""
        if not (fleet := self.fleet):
            return "-"
        maps = len(groups(self.measured, splits(self.photos, fleet.vcpus), fleet.vcpus))
        return f"{maps:,} × {self.blocks:,} of {self.shuffled / (maps * self.blocks) / 1e3:,.0f} kB"

    @property
    def _volume(self) -> float:
        return self.figures["volume"] * 1e6


def table(
    measured: Measured, figures: Figures, listing: Listing, amounts: Sequence[int], hours: Sequence[float]
) -> str:
    """Return a table: what grows, its size for each number of photos, and where it becomes the limit.

    Parameters
    ----------
    measured : Measured
        Measured figures.
    figures : mapping of str to float
        Prices and assumptions.
    listing : Listing
        Seconds of the listing.
    amounts : sequence of int
        Numbers of photos.
    hours : sequence of float
        Hours of both steps.
    """
    found = [FirstRun(measured, figures, listing.listing_s, photos, each) for photos in amounts for each in hours]
    rows: list[tuple[str, Callable[[FirstRun], str], str]] = [
        ("workers", FirstRun.nodes, f"Verger's settings allow {MOST_NODES:,}"),
        ("listing, in Airflow", FirstRun.pages, "it runs before the launch of the cluster and costs time, not nodes"),
        ("reading photos from S3", FirstRun.gets, _gets_limit(measured, figures)),
        ("step 1: tasks, and files of features", FirstRun.tasks, "a driver starts some hundreds of tasks a second"),
        ("verify_features: reading new features", FirstRun.check, VERIFICATION),
        (
            "verify_pca: reading all features",
            FirstRun.check,
            "the same; only new photos while the basis is kept",
        ),
        ("step 2: shuffle on a node", FirstRun.disks, _disk_limit()),
        ("step 2: pieces of the shuffle", FirstRun.pieces, "each piece is one read, and small reads are slow"),
        (
            "step 2: sums of blocks",
            FirstRun.sums,
            f"merged {FAN_IN} by {FAN_IN} on the workers, the last {LAST} on the driver",
        ),
    ]
    return tables.markdown([_row(name, found, show, remark) for name, show, remark in rows])


def _gets_limit(measured: Measured, figures: Figures) -> str:
    a_node = MACHINES[0].cores(figures) / measured.step_1.core_s
    return (
        f"S3 supports {figures['GET/s']:,.0f} a second for each partition of the keys, as many as "
        f"{figures['GET/s'] / a_node:,.0f} {MACHINES[0].worker} send; within the hour it splits busy partitions, and "
        "until then it answers 503, and the client retries"
    )


def _disk_limit() -> str:
    gib = Cluster().ebs_data_gib
    photos = gib * 2**30 / FEATURE_BYTES / MILLION
    return f"the volume of a node (VERGER_EBS_DATA_GIB, {gib}) holds the shuffle data of {photos:,.0f} million photos"


def _row(name: str, found: Sequence[FirstRun], show: Callable[[FirstRun], str], remark: str) -> dict[str, Any]:
    named = {f"{each.photos / MILLION:,.0f} million, steps in {each.hours:g} h": show(each) for each in found}
    return {"what": name, **named, "where it binds": remark}


def span(seconds: float) -> str:
    """Return seconds below two minutes, minutes below two hours, hours above."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
