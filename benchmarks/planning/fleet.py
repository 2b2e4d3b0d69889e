"""Time and cost of a run of the DAG on a cluster of a given size. Only arithmetic.

Time. The seconds of each step are a line through two measurements, 4,000 photos and all: a constant part, which the
driver does once, and core seconds for each photo, which all cores share. A node counts as a number of cores of the
measured machine. The driver runs on the primary node, and the application master takes no core. The verification steps
start Spark twice, and read the features of the new photos, then those of all photos.

Cost. Nodes are paid from launch to termination: EC2, EMR's charge and their volumes. The primary node and the first
core nodes (VERGER_CORE_ON_DEMAND) are on demand, the others may be Spot.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from verger.cluster_plan.figures import VERIFICATION_SECONDS
from verger.settings import Cluster

Figures = Mapping[str, float]
"""Prices and assumptions by name (see `benchmarks.planning.prices`)."""

BASE = 4000
HOURS_A_MONTH = 730


@dataclass(frozen=True)
class Effort:
    """Effort of a step: seconds for any number of photos, and core seconds for each photo."""

    fixed_s: float
    core_s: float

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]], step: str, cores: int) -> Effort:
        """Return the line through the row of BASE photos and the last row.

        Raises
        ------
        ValueError
            One of the rows is missing.
        """
        base = next((row for row in rows if row["photos"] == BASE), None)
        last = rows[-1]
        if base is None or last["photos"] <= BASE:
            raise ValueError(f"growth: expected rows of {BASE:,} and of more photos: run `make bench-growth`")
        a_photo = (last[f"{step}_s"] - base[f"{step}_s"]) / (last["photos"] - BASE)
        return cls(max(base[f"{step}_s"] - BASE * a_photo, 0.0), a_photo * cores)


@dataclass(frozen=True)
class Measured:
    """The figures of `growth` in benchmarks/results.json.

    Attributes
    ----------
    photos : int
        Photos of the last row.
    cores : int
        Cores of the measured machine.
    step_1, step_2 : Effort
        Effort of both steps.
    check_s : float
        Core seconds in which a verification reads and checks the features of one photo.
    features_bytes, pca_bytes : float
        Bytes of the features and of the coordinates of one photo.
    k : int
        Components.
    """

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
        """Return the figures of the member `growth`."""
        rows, cores = growth["rows"], growth["cores"]
        last = rows[-1]
        check_s, features, pca = (last[name] / last["photos"] for name in ("check_s", "features_bytes", "pca_bytes"))
        first, second = (Effort.of(rows, step, cores) for step in ("step_1", "step_2"))
        return cls(int(last["photos"]), cores, first, second, check_s, features, pca, int(last["k"]))


@dataclass(frozen=True)
class Machine:
    """Instance types of the workers and of the primary node."""

    worker: str
    primary: str
    vcpus: int
    arm: bool = False

    def cores(self, figures: Figures) -> float:
        """Return the speed of a node in cores of the measured machine, on which a core runs one thread.

        A vCPU of x86 is one of two threads of a core. It counts as half a core, times the work of two threads compared
        with one. A vCPU of Graviton is a core, of another speed.
        """
        if self.arm:
            return self.vcpus * figures["Graviton core"]
        return self.vcpus / 2 * figures["two threads"] * figures["x86 core"]

    def usd(self, figures: Figures, kind: str, *, spot: bool) -> float:
        """Return the price of a node of the type `kind`, in USD an hour."""
        gib = Cluster().ebs_root_gib + Cluster().ebs_data_gib
        price = figures[kind] * ((figures["spot"] if spot else 1) + figures["EMR"])
        return price + gib * figures["gp3"] / HOURS_A_MONTH


MACHINES = (
    Machine("c6i.xlarge", "m6i.xlarge", 4),
    Machine("c7i.xlarge", "m6i.xlarge", 4),
    Machine("c7g.xlarge", "m7g.xlarge", 4, arm=True),
)


@dataclass(frozen=True)
class Phases:
    """Seconds of the phases of a cluster, from launch to termination."""

    start_s: float
    step_1_s: float
    check_s: float
    step_2_s: float

    @property
    def steps_h(self) -> float:
        """Hours of both steps."""
        return (self.step_1_s + self.step_2_s) / 3600

    @property
    def hours(self) -> float:
        """Hours of the cluster."""
        return self.steps_h + (self.start_s + self.check_s) / 3600


@dataclass(frozen=True)
class Fleet:
    """A cluster: `nodes` workers of the machine's type, and a primary node."""

    measured: Measured
    figures: Figures
    machine: Machine
    nodes: int

    @classmethod
    def for_hours(
        cls, measured: Measured, figures: Figures, machine: Machine, photos: int, hours: float
    ) -> Fleet | None:
        """Return the smallest cluster that does both steps in `hours` when all photos are new.

        None means that no number of nodes is enough.
        """
        first, second = measured.step_1, measured.step_2
        left = 3600 * hours - 2 * figures["step start"] - first.fixed_s - second.fixed_s
        if left <= 0:
            return None
        cores = photos * (first.core_s + second.core_s) / left
        return cls(measured, figures, machine, math.ceil(cores / machine.cores(figures)))

    @property
    def cores(self) -> float:
        """Speed of all workers, in cores of the measured machine."""
        return self.nodes * self.machine.cores(self.figures)

    @property
    def vcpus(self) -> int:
        """The vCPUs of all workers."""
        return self.nodes * self.machine.vcpus

    def phases(self, new: int, photos: int) -> Phases:
        """Return the phases of a run that featurizes `new` of `photos` photos."""
        first, second, start = self.measured.step_1, self.measured.step_2, self.figures["step start"]
        return Phases(
            start_s=self.figures["cluster start"],
            step_1_s=start + first.fixed_s + new * first.core_s / self.cores,
            check_s=2 * start + VERIFICATION_SECONDS + (new + photos) * self.measured.check_s / self.cores,
            step_2_s=start + second.fixed_s + photos * second.core_s / self.cores,
        )

    def eur(self, phases: Phases, *, spot: bool) -> float:
        """Return the price of all nodes in EUR, the primary node included."""
        machine, figures = self.machine, self.figures
        on_demand = min(self.nodes, Cluster().core_on_demand) if spot else self.nodes
        an_hour = (
            machine.usd(figures, machine.primary, spot=False)
            + on_demand * machine.usd(figures, machine.worker, spot=False)
            + (self.nodes - on_demand) * machine.usd(figures, machine.worker, spot=True)
        )
        return phases.hours * an_hour * figures["EUR"]
