"""The blocks of benchmarks/planning.md: tables and paragraphs whose figures are computed."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.harness import tables
from benchmarks.planning import cluster_plans as plans
from benchmarks.planning import limits
from benchmarks.planning.fleet import BASE, MACHINES, Fleet, Machine, Measured
from benchmarks.planning.limits import MILLION, Listing, default_fleet
from benchmarks.planning.prices import Stated
from benchmarks.planning.requests import KEYS_A_PAGE, Requests, requests
from benchmarks.planning.scheduled_runs import ScheduledRun

AMOUNTS = (MILLION, 100 * MILLION)
HOURS = (1.0, 8.0)
RUNS = 30


@dataclass(frozen=True)
class Basis:
    """The input of the page.

    Attributes
    ----------
    growth : mapping
        Member `growth` of benchmarks/results.json.
    comparison : mapping or None
        Member `comparison`, None if Verger was not measured beside the notebook.
    listing : Listing
        Seconds of the listing.
    stated : mapping of str to Stated
        Prices and assumptions.
    camera : mapping or None
        Member `camera`, None if photos of camera size were not measured.
    scheduled : sequence of ScheduledRun
        Measured runs with few new photos.
    """

    growth: Mapping[str, Any]
    comparison: Mapping[str, Any] | None
    listing: Listing
    stated: Mapping[str, Stated]
    camera: Mapping[str, Any] | None = None
    scheduled: Sequence[ScheduledRun] = ()

    @property
    def figures(self) -> dict[str, float]:
        """Values of the prices and assumptions."""
        return {name: figure.value for name, figure in self.stated.items()}

    @property
    def measured(self) -> Measured:
        """Measured figures."""
        return Measured.of(self.growth)


def measured(basis: Basis) -> str:
    """Return the measured figures."""
    found = basis.measured
    first, second = found.step_1, found.step_2
    largest = {row["photos"]: max(row["step_1_worker_mb"], row["step_2_worker_mb"]) for row in basis.growth["rows"]}
    rows = {
        "step 1: photos a second of one core": f"{1 / first.core_s:.1f}",
        "step 1: constant part, s": f"{first.fixed_s:.1f}",
        "step 2: core seconds for a million photos": f"{second.core_s * MILLION:,.0f}",
        "step 2: constant part, s": f"{second.fixed_s:.1f}",
        "verification: photos a second of one core, as the checks read them": f"{1 / found.check_s:,.0f}",
        "bytes of features a photo": f"{found.features_bytes:,.0f}",
        f"bytes of coordinates a photo (k = {found.k})": f"{found.pca_bytes:,.0f}",
        f"largest worker process, MB, with {BASE:,} photos": f"{largest[BASE]:,.0f}",
        f"the same with {found.photos:,}": f"{largest[found.photos]:,.0f}",
        "listing, comparison and manifest in Airflow: seconds a million keys": f"{basis.listing.all_s * MILLION:.1f}",
    }
    table = tables.markdown([{"measured": name, "figure": figure} for name, figure in rows.items()])
    return f"{table}\n\n*growth: {basis.growth['measured']}*"


def prices(basis: Basis) -> str:
    """Return prices and assumptions with their sources."""
    rows = [
        {
            "name": f"`{name}`",
            "figure": f"{figure.value:g}",
            "unit": figure.unit,
            "source": figure.source,
            "confirmed": "yes" if figure.confirmed else "no: check it",
        }
        for name, figure in basis.stated.items()
    ]
    return tables.markdown(rows)


def machines(basis: Basis) -> str:
    """Return the speed of a node of each type, and the cost of step 1 of a million photos on this node alone."""
    figures, found = basis.figures, basis.measured

    def row(machine: Machine) -> dict[str, Any]:
        speed = machine.cores(figures) / found.step_1.core_s
        hours = MILLION / speed / 3600
        usd = [machine.usd(figures, machine.worker, spot=spot) for spot in (False, True)]
        return {
            "worker": machine.worker,
            "vCPUs": machine.vcpus,
            "a vCPU is": "a core" if machine.arm else "half a core",
            "in measured cores": f"{machine.cores(figures):.1f}",
            "photos/s": f"{speed:.0f}",
            "USD an hour, on demand": f"{usd[0]:.3f}",
            "on Spot": f"{usd[1]:.3f}",
            "step 1 of a million, EUR": euro(hours * usd[0] * figures["EUR"]),
            "on Spot, EUR": euro(hours * usd[1] * figures["EUR"]),
        }

    return tables.markdown([row(machine) for machine in MACHINES])


def camera(basis: Basis) -> str:
    """Return the cost of step 1 of a million photos by their size and decoding, empty if it was not measured."""
    figures, machine = basis.figures, MACHINES[0]
    usd = [machine.usd(figures, machine.worker, spot=spot) for spot in (False, True)]

    def row(size: str, decoded: str, core_s: float) -> dict[str, Any]:
        hours = MILLION * core_s / machine.cores(figures) / 3600
        return {
            "photos": size,
            "decoding": decoded,
            "photos a second of one core": f"{1 / core_s:.1f}",
            f"hours of one {machine.worker} for a million": f"{hours:,.1f}",
            "EUR, on demand": euro(hours * usd[0] * figures["EUR"]),
            "EUR, on Spot": euro(hours * usd[1] * figures["EUR"]),
        }

    measured = [each for each in (basis.camera or {}).get("rows", ()) if each["name"].startswith("Verger")]
    if basis.camera is None or not measured:
        return ""
    rows = [row("100 × 100 pixels", "both", basis.measured.step_1.core_s)]
    for each in sorted(measured, key=lambda each: (float(each["size"].split()[0]), each["name"])):
        rows.append(row(each["size"], each["name"].split()[-1], each["cpu_seconds"] / each["photos"]))
    return f"{tables.markdown(rows)}\n\n*camera: {basis.camera['measured']}*"


def costs(basis: Basis) -> str:
    """Return the clusters that do both steps in time when all photos are new."""
    cases = [(photos, hours, machine) for photos in AMOUNTS for hours in HOURS for machine in MACHINES]
    of_first = default_fleet(basis.measured, basis.figures, MACHINES[0])
    share = of_first.phases(MILLION, MILLION).check_s / of_first.phases(MILLION, MILLION).hours / 3600
    text = (
        f"The verification of a million photos takes {share:.0%} of the hours of {of_first.nodes} {MACHINES[0].worker}."
    )
    return f"{tables.markdown([cost(basis, *case) for case in cases])}\n\n{filled(text)}"


def cost(basis: Basis, photos: int, hours: float, machine: Machine) -> dict[str, Any]:
    """Return the row of the smallest cluster that does both steps in `hours`."""
    fleet = Fleet.for_hours(basis.measured, basis.figures, machine, photos, hours)
    phases = fleet.phases(photos, photos) if fleet else None
    row = {"photos": photos, "steps in, h": f"{hours:g}", "workers": machine.worker}
    if fleet is None or phases is None:
        names = ("nodes", "steps, h", "cluster, h", "node hours", "on demand, EUR", "with Spot, EUR")
        return {**row, **dict.fromkeys(names, "-")}
    return {
        **row,
        "nodes": fleet.nodes,
        "steps, h": f"{phases.steps_h:.2f}",
        "cluster, h": f"{phases.hours:.2f}",
        "node hours": f"{phases.hours * (fleet.nodes + 1):,.1f}",
        "on demand, EUR": euro(fleet.eur(phases, spot=False)),
        "with Spot, EUR": euro(fleet.eur(phases, spot=True)),
    }


def storage(basis: Basis) -> str:
    """Return the requests of a run in which all photos are new, and the size of what is kept."""
    figures, found = basis.figures, basis.measured
    kept = found.features_bytes + limits.SNAPSHOTS * found.pca_bytes

    def row(photos: int) -> dict[str, Any]:
        fleet = Fleet.for_hours(found, figures, MACHINES[0], photos, HOURS[-1])
        sent = requests(found, photos, photos, fleet.vcpus if fleet else MACHINES[0].vcpus)
        return {
            "photos": photos,
            "GET": sent.gets,
            "PUT, POST, LIST": sent.puts_lists,
            "requests, EUR": euro(sent.eur(figures)),
            "features, GB": f"{photos * found.features_bytes / 1e9:,.1f}",
            "coordinates, GB": f"{photos * found.pca_bytes / 1e9:,.1f}",
            "kept, EUR a month": euro(photos * kept / 1e9 * figures["S3 storage"] * figures["EUR"]),
        }

    text = (
        f"The bucket keeps all features, and the coordinates of {limits.SNAPSHOTS} snapshots: those of this run "
        "and of the `VERGER_SNAPSHOT_DAYS` before it. The photos themselves are not counted."
    )
    return f"{tables.markdown([row(photos) for photos in AMOUNTS])}\n\n{filled(text)}"


def scheduled_run(basis: Basis) -> str:
    """Return the cost of a run with few new photos over a large base, on the cluster of the default settings.

    Raises
    ------
    ValueError
        No such run was measured.
    """
    figures, found = basis.figures, basis.measured
    runs = [one for one in basis.scheduled if one.base == MILLION]
    if not runs:
        raise ValueError(f"expected a run over {MILLION:,} photos in the table of bench-nights, found none")
    run = max(runs, key=lambda one: one.new)
    pages = math.ceil((MILLION + run.new) / KEYS_A_PAGE)

    def row(machine: Machine) -> dict[str, Any]:
        fleet = default_fleet(found, figures, machine)
        of_new = fleet.phases(run.new, run.new)
        phases = replace(of_new, check_s=run.verification_s, step_2_s=run.step_2_s)
        step_1 = requests(found, run.new, run.new, fleet.vcpus)
        sent = Requests(step_1.gets + run.requests, step_1.puts_lists + pages).eur(figures)
        on_demand, spot = (fleet.eur(phases, spot=spot) + sent for spot in (False, True))
        return {
            "workers": f"{fleet.nodes} {machine.worker}",
            "start, min": f"{phases.start_s / 60:.1f}",
            "step 1, min": f"{phases.step_1_s / 60:.1f}",
            "verification, min": f"{phases.check_s / 60:.1f}",
            "step 2, min": f"{phases.step_2_s / 60:.1f}",
            "a run, EUR": euro(on_demand),
            "with Spot, EUR": euro(spot),
            f"{RUNS} runs with Spot, EUR": euro(RUNS * spot),
        }

    text = (
        f"{run.new:,} new photos over a base of {MILLION:,}, requests to S3 included. Step 2 and verification take "
        "as long as [measured](scheduled_runs.md) on one machine. In addition, Airflow lists for "
        f"{(MILLION + run.new) * basis.listing.listing_s:.0f} s and plans, reads the verdicts and publishes for "
        f"{run.airflow_s:.0f} s."
    )
    return f"{tables.markdown([row(machine) for machine in MACHINES])}\n\n{filled(text)}"


def start(basis: Basis) -> str:
    """Return how many photos take as long as the start of a run."""
    fleet = default_fleet(basis.measured, basis.figures, MACHINES[0])
    first, second = basis.measured.step_1, basis.measured.step_2
    idle = fleet.phases(0, 0)
    seconds = idle.start_s + idle.step_1_s + idle.step_2_s
    worth = seconds * fleet.cores / (first.core_s + second.core_s)
    return filled(
        f"In addition to the work on photos a run takes {seconds / 60:.1f} minutes: the start of the cluster, two "
        f"starts of Spark, and the constant parts of both steps. In this time {fleet.nodes} {fleet.machine.worker} do "
        f"both steps for {worth:,.0f} photos. Below this number most of the cost of a run is the cost of its start "
        f"({euro(fleet.eur(idle, spot=True))} EUR with Spot)."
    )


def notebook(basis: Basis) -> str:
    """Return the comparison with the notebook, empty if it was not measured."""
    rows = [(str(row["name"]).lower(), row) for row in (basis.comparison or {}).get("rows", ())]
    ours = [row["photos_per_second"] for name, row in rows if name.startswith("verger")]
    theirs = [row["photos_per_second"] for name, row in rows if "notebook" in name]
    if not ours or not theirs:
        return ""
    times, machine, figures = ours[0] / max(theirs), MACHINES[0], basis.figures
    hours = MILLION * basis.measured.step_1.core_s / machine.cores(figures) / 3600
    own = hours * machine.usd(figures, machine.worker, spot=False) * figures["EUR"]
    return filled(
        f"On the same machine the notebook (binaryFile, a pandas UDF, Keras) does {max(theirs):.1f} photos a second, "
        f"Verger {ours[0]:.1f}: {times:.1f} times as many. With this ratio the notebook takes {hours * times:,.1f} "
        f"hours of a {machine.worker} for step 1 of a million photos, Verger {hours:,.1f}; it costs "
        f"{euro(own * times)} EUR on demand, Verger {euro(own)}."
    )


def cluster_plans(_: Basis) -> str:
    """Return the clusters that runs plan for themselves, by photos and region."""
    return plans.table()


def binding(basis: Basis) -> str:
    """Return the table of limits."""
    return limits.table(basis.measured, basis.figures, basis.listing, AMOUNTS, HOURS)


def euro(amount: float) -> str:
    """Format an amount with two decimals below a hundred and none above."""
    return f"{amount:,.2f}" if amount < 100 else f"{amount:,.0f}"


def filled(text: str) -> str:
    """Wrap a paragraph at 120 characters."""
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)
