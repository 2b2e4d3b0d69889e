"""What a run of the DAG takes on a cluster of so many nodes, and what it costs: arithmetic, no more.

Time. Each step is a straight line through two measurements, 4,000 photos and all: what it takes however many photos
there are (done once, by the driver), and core seconds a photo (shared by all cores). A node counts as so many cores of
the measured machine; the driver takes the place of one executor. While Airflow checks the features the cluster idles.

Money. Nodes are paid from the launch to the end: EC2, EMR's charge and their volumes. The primary and the first core
nodes are on demand (VERGER_CORE_ON_DEMAND), the others may be Spot.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from verger.emr.requests import EXECUTOR_CORES
from verger.settings import Cluster
from verger_spark.features.splits import Shares
from verger_spark.io.feature_files import FETCHED_ROWS, FeatureFile, FeatureFiles
from verger_spark.io.storage import PART_BYTES

Figures = Mapping[str, float]
BASE = 4000
HOURS_A_MONTH = 730
KEYS_A_PAGE = 1000
OPENED = 2
"""Requests before a row of a file is read: how long it is, what is where in it."""

STEP_PASSES = 2
"""How often step 2 reads all features, FETCHED_ROWS at a time: for their sums, then to project them."""


@dataclass(frozen=True)
class Effort:
    """Of a step: seconds whatever there is to do, and core seconds for each photo."""

    fixed_s: float
    core_s: float

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]], step: str, cores: int) -> Effort:
        """The line through the row of BASE photos and the last one. Raises ValueError when they are not there."""
        base = next((row for row in rows if row["photos"] == BASE), None)
        last = rows[-1]
        if base is None or last["photos"] <= BASE:
            raise ValueError(f"growth: expected rows of {BASE:,} and of more photos: run `make bench-growth`")
        a_photo = (last[f"{step}_s"] - base[f"{step}_s"]) / (last["photos"] - BASE)
        return cls(max(base[f"{step}_s"] - BASE * a_photo, 0.0), a_photo * cores)


@dataclass(frozen=True)
class Measured:
    """What benchmarks/results.json says of growth. `check_s`: seconds in which a check reads a photo's features."""

    photos: int
    cores: int
    step_1: Effort
    step_2: Effort
    check_s: float
    features_bytes: float
    pca_bytes: float
    k: int

    @classmethod
    def of(cls, growth: Mapping[str, Any]) -> Measured:
        rows, cores = growth["rows"], growth["cores"]
        last = rows[-1]
        check_s, features, pca = (last[name] / last["photos"] for name in ("check_s", "features_bytes", "pca_bytes"))
        first, second = (Effort.of(rows, step, cores) for step in ("step_1", "step_2"))
        return cls(int(last["photos"]), cores, first, second, check_s, features, pca, int(last["k"]))


@dataclass(frozen=True)
class Machine:
    """A type of workers, and the primary's."""

    worker: str
    primary: str
    vcpus: int
    arm: bool = False

    def cores(self, figures: Figures) -> float:
        """What a node computes, in cores of the measured machine, on which a core runs one thread.

        A vCPU of x86 is one of two threads of a core: half a core, and more only as far as two threads do more
        together than one alone. A vCPU of Graviton is a core, of another speed.
        """
        if self.arm:
            return self.vcpus * figures["Graviton core"]
        return self.vcpus / 2 * figures["two threads"] * figures["x86 core"]

    def usd(self, figures: Figures, kind: str, *, spot: bool) -> float:
        """An hour of a node of type `kind`."""
        gib = Cluster().ebs_root_gib + Cluster().ebs_data_gib
        price = figures[kind] * ((figures["spot"] if spot else 1) + figures["EMR"])
        return price + gib * figures["gp3"] / HOURS_A_MONTH


MACHINES = (
    Machine("c6i.xlarge", "m6i.xlarge", 4),
    Machine("c7i.xlarge", "m6i.xlarge", 4),
    Machine("c7g.xlarge", "m7g.xlarge", 4, arm=True),
)


@dataclass(frozen=True)
class Life:
    """Seconds of a cluster's life."""

    start_s: float
    step_1_s: float
    check_s: float
    step_2_s: float

    @property
    def steps_h(self) -> float:
        return (self.step_1_s + self.step_2_s) / 3600

    @property
    def hours(self) -> float:
        return self.steps_h + (self.start_s + self.check_s) / 3600


@dataclass(frozen=True)
class Fleet:
    """So many workers of a type."""

    measured: Measured
    figures: Figures
    machine: Machine
    nodes: int

    @classmethod
    def for_hours(
        cls, measured: Measured, figures: Figures, machine: Machine, photos: int, hours: float
    ) -> Fleet | None:
        """The smallest one that does both steps in time, all photos being new; None where more nodes would not help."""
        first, second = measured.step_1, measured.step_2
        left = 3600 * hours - 2 * figures["step start"] - first.fixed_s - second.fixed_s
        if left <= 0:
            return None
        cores = photos * (first.core_s + second.core_s) / left
        return cls(
            measured, figures, machine, math.ceil(cores / machine.cores(figures) + EXECUTOR_CORES / machine.vcpus)
        )

    @property
    def cores(self) -> float:
        """What it computes, in cores of the measured machine: all executors but the one whose place the driver has."""
        return (self.nodes - EXECUTOR_CORES / self.machine.vcpus) * self.machine.cores(self.figures)

    @property
    def vcpus(self) -> int:
        return self.nodes * self.machine.vcpus

    def life(self, new: int, photos: int) -> Life:
        """Of the cluster of a run that featurizes `new` photos; `photos` is how many there are then."""
        first, second, start = self.measured.step_1, self.measured.step_2, self.figures["step start"]
        return Life(
            start_s=self.figures["cluster start"],
            step_1_s=start + first.fixed_s + new * first.core_s / self.cores,
            check_s=new * self.measured.check_s,
            step_2_s=start + second.fixed_s + photos * second.core_s / self.cores,
        )

    def eur(self, life: Life, *, spot: bool) -> float:
        """The nodes, primary included, as long as they live."""
        machine, figures = self.machine, self.figures
        on_demand = min(self.nodes, Cluster().core_on_demand) if spot else self.nodes
        an_hour = (
            machine.usd(figures, machine.primary, spot=False)
            + on_demand * machine.usd(figures, machine.worker, spot=False)
            + (self.nodes - on_demand) * machine.usd(figures, machine.worker, spot=True)
        )
        return life.hours * an_hour * figures["EUR"]


@dataclass(frozen=True)
class Requests:
    """To S3, in a run."""

    gets: int
    puts_lists: int

    def eur(self, figures: Figures) -> float:
        usd = self.gets * figures["S3 GET"] + self.puts_lists * figures["S3 PUT, LIST"]
        return usd / 1000 * figures["EUR"]


Rows = Sequence[int]
"""Of each file of a table."""


def shares(photos: int, vcpus: int) -> Rows:
    """Of step 1: a task for each, which writes a file of features."""
    shared = Shares.of(photos, vcpus)
    return [math.ceil((band.stop - band.start) / band.shares) for band in shared.bands for _ in range(band.shares)]


def groups(measured: Measured, features: Rows, vcpus: int) -> Rows:
    """Of step 2: a task for each, which reads some files of features and writes one of coordinates."""
    named = {str(number): rows for number, rows in enumerate(features)}
    files = tuple(FeatureFile(name, "", round(rows * measured.features_bytes)) for name, rows in named.items())
    return [sum(named[file.uri] for file in group) for group in FeatureFiles(files).groups(vcpus)]


INVENTORY_READS = 3
"""By a share: how large it is, and the two row groups that its stretch may lie in."""


def requests(measured: Measured, new: int, photos: int, vcpus: int) -> Requests:
    """Of a run that featurizes `new` photos of `photos`, the earlier ones having been featurized all at once.

    Left out is what hardly grows with them: the plan, metrics, markers, the basis; and what drift reads again.
    """
    written, kept = shares(new, vcpus), shares(photos - new, vcpus) if photos > new else []
    projected = groups(measured, [*written, *kept], vcpus)
    of_inventory = INVENTORY_READS * len(written)
    in_step = sum(STEP_PASSES * (OPENED + math.ceil(rows / FETCHED_ROWS)) for rows in [*written, *kept])
    # check_features reads what is new, check_projections all of both tables, each file at once.
    by_checks = (OPENED + 1) * (2 * len(written) + len(kept) + len(projected))
    sent = [rows * measured.features_bytes for rows in written] + [rows * measured.pca_bytes for rows in projected]
    return Requests(
        gets=new + of_inventory + in_step + by_checks,
        puts_lists=math.ceil(photos / KEYS_A_PAGE) + sum(map(puts, sent)),
    )


def puts(size: float) -> int:
    """Requests by which a file of so many bytes is sent: one, or the start, the parts and the end of an upload."""
    return 1 if size <= PART_BYTES else 2 + math.ceil(size / PART_BYTES)
