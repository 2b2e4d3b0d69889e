"""What a million and a hundred million photos cost with Verger, computed from measured figures and stated prices.

    python -m benchmarks.planning [--set NAME=VALUE ...]   (in the dev environment, plugins/ and spark_jobs/ on
                                                            PYTHONPATH; `make bench-planning`)

Reads benchmarks/results.json (growth; the comparison where it is there) and the table of listings in benchmarks/README.md,
and writes every figure of benchmarks/planning.md. It measures nothing.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import results, tables
from benchmarks.harness.places import RESULTS, ROOT
from benchmarks.planning import limits
from benchmarks.planning.fleet import BASE, MACHINES, Fleet, Machine, Measured, requests
from benchmarks.planning.limits import MILLION, Listing, nights_cluster
from benchmarks.planning.prices import Stated, stated
from verger.settings import Cluster

PAGE = ROOT / "benchmarks" / "planning.md"
AMOUNTS = (MILLION, 100 * MILLION)
HOURS = (1.0, 8.0)
NEW_A_NIGHT = 10_000
NIGHTS = 30


@dataclass(frozen=True)
class Basis:
    """All that the page is computed from."""

    growth: Mapping[str, Any]
    bench: Mapping[str, Any] | None
    listing: Listing
    stated: Mapping[str, Stated]

    @property
    def figures(self) -> dict[str, float]:
        return {name: figure.value for name, figure in self.stated.items()}

    @property
    def measured(self) -> Measured:
        return Measured.of(self.growth)


def main() -> None:
    """Compute the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="prices and assumptions of your own")
    parser.add_argument("--results", type=Path, default=RESULTS, help="measured figures")
    parser.add_argument("--page", type=Path, default=PAGE, help="page to write into")
    arguments = parser.parse_args()
    growth = results.load("growth", arguments.results)
    if growth is None:
        raise SystemExit(f"{arguments.results}: expected what `make bench-growth` measures, found no growth")
    try:
        bench = results.load("bench", arguments.results) or results.load("comparison", arguments.results)
        basis = Basis(growth, bench, Listing.read(), stated(arguments.set))
        text = page(arguments.page.read_text(), basis)
    except ValueError as error:
        raise SystemExit(f"planning: {error}") from None
    arguments.page.write_text(text)
    print(f"{arguments.page}: written")


def page(text: str, basis: Basis) -> str:
    """The page with every block between its marks computed anew. Raises ValueError for marks that are missing."""
    for name, block in BLOCKS.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if begin not in text or end not in text:
            raise ValueError(f"expected the marks {begin} and {end} in the page, found none")
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n{block(basis)}\n{end}{after}"
    return text


def measured(basis: Basis) -> str:
    """The measured figures that all else is computed from."""
    found = basis.measured
    first, second = found.step_1, found.step_2
    largest = {row["photos"]: max(row["step_1_worker_mb"], row["step_2_worker_mb"]) for row in basis.growth["rows"]}
    rows = {
        "step 1: photos a second of one core": f"{1 / first.core_s:.1f}",
        "step 1: what it takes whatever there is to do, s": f"{first.fixed_s:.1f}",
        "step 2: core seconds for a million photos": f"{second.core_s * MILLION:,.0f}",
        "step 2: what it takes whatever there is to do, s": f"{second.fixed_s:.1f}",
        "a check in Airflow: photos a second": f"{1 / found.check_s:,.0f}",
        "bytes of features a photo": f"{found.features_bytes:,.0f}",
        f"bytes of coordinates a photo (k = {found.k})": f"{found.pca_bytes:,.0f}",
        f"largest worker process, MB, with {BASE:,} photos": f"{largest[BASE]:,.0f}",
        f"the same with {found.photos:,}": f"{largest[found.photos]:,.0f}",
        "listing, comparison and manifest in Airflow: seconds a million keys": f"{basis.listing.all_s * MILLION:.1f}",
    }
    table = tables.markdown([{"measured": name, "figure": figure} for name, figure in rows.items()])
    return f"{table}\n\n*growth: {basis.growth['measured']}*"


def prices(basis: Basis) -> str:
    """Prices and assumptions, each with where it is from."""
    rows = [
        {
            "name": f"`{name}`",
            "figure": f"{figure.value:g}",
            "unit": figure.unit,
            "from": figure.source,
            "confirmed": "yes" if figure.confirmed else "no: check it",
        }
        for name, figure in basis.stated.items()
    ]
    return tables.markdown(rows)


def machines(basis: Basis) -> str:
    """What a node of each type computes, and what step 1 of a million photos costs on it alone."""
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


def costs(basis: Basis) -> str:
    """Clusters that do both steps in time, all photos being new."""
    cases = [(photos, hours, machine) for photos in AMOUNTS for hours in HOURS for machine in MACHINES]
    most, idle = AMOUNTS[-1], Cluster().idle_timeout
    check = most * basis.measured.check_s
    said = f"For {most:,} photos that check takes {limits.span(check)}."
    if check > idle:
        said += f" That is longer than `VERGER_IDLE_TIMEOUT`, {idle:,} s, after which EMR ends a cluster: raise it."
    return f"{tables.markdown([cost(basis, *case) for case in cases])}\n\n{filled(said)}"


def cost(basis: Basis, photos: int, hours: float, machine: Machine) -> dict[str, Any]:
    """A row: the smallest cluster that does both steps in so many hours."""
    fleet = Fleet.for_hours(basis.measured, basis.figures, machine, photos, hours)
    life = fleet.life(photos, photos) if fleet else None
    row = {"photos": photos, "steps in, h": f"{hours:g}", "workers": machine.worker}
    if fleet is None or life is None:
        names = ("nodes", "steps, h", "cluster, h", "node hours", "on demand, EUR", "with Spot, EUR")
        return {**row, **dict.fromkeys(names, "-")}
    return {
        **row,
        "nodes": fleet.nodes,
        "steps, h": f"{life.steps_h:.2f}",
        "cluster, h": f"{life.hours:.2f}",
        "node hours": f"{life.hours * (fleet.nodes + 1):,.1f}",
        "on demand, EUR": euro(fleet.eur(life, spot=False)),
        "with Spot, EUR": euro(fleet.eur(life, spot=True)),
    }


def storage(basis: Basis) -> str:
    """Requests of a run in which all is new; what is kept."""
    figures, found = basis.figures, basis.measured
    kept = found.features_bytes + limits.PUBLICATIONS * found.pca_bytes

    def row(photos: int) -> dict[str, Any]:
        fleet = Fleet.for_hours(found, figures, MACHINES[0], photos, HOURS[-1])
        asked = requests(found, photos, photos, fleet.vcpus if fleet else MACHINES[0].vcpus)
        return {
            "photos": photos,
            "GET": asked.gets,
            "PUT, POST, LIST": asked.puts_lists,
            "requests, EUR": euro(asked.eur(figures)),
            "features, GB": f"{photos * found.features_bytes / 1e9:,.1f}",
            "coordinates, GB": f"{photos * found.pca_bytes / 1e9:,.1f}",
            "kept, EUR a month": euro(photos * kept / 1e9 * figures["S3 storage"] * figures["EUR"]),
        }

    said = (
        f"Kept are all features and {limits.PUBLICATIONS} publications' coordinates: tonight's and those of the "
        "`VERGER_SNAPSHOT_DAYS` before it. The photos themselves, which you keep anyway, are not counted."
    )
    return f"{tables.markdown([row(photos) for photos in AMOUNTS])}\n\n{filled(said)}"


def night(basis: Basis) -> str:
    """A nightly increment over a large base, on the cluster that the settings make by default."""
    figures, found = basis.figures, basis.measured
    photos = MILLION + NEW_A_NIGHT

    def row(machine: Machine) -> dict[str, Any]:
        fleet = nights_cluster(found, figures, machine)
        life = fleet.life(NEW_A_NIGHT, photos)
        asked = requests(found, NEW_A_NIGHT, photos, fleet.vcpus).eur(figures)
        on_demand, spot = (fleet.eur(life, spot=spot) + asked for spot in (False, True))
        return {
            "workers": f"{fleet.nodes} {machine.worker}",
            "start, min": f"{life.start_s / 60:.1f}",
            "step 1, min": f"{life.step_1_s / 60:.1f}",
            "check, min": f"{life.check_s / 60:.1f}",
            "step 2, min": f"{life.step_2_s / 60:.1f}",
            "a night, EUR": euro(on_demand),
            "with Spot, EUR": euro(spot),
            f"{NIGHTS} nights with Spot, EUR": euro(NIGHTS * spot),
        }

    airflow = photos * (basis.listing.all_s + found.check_s)
    said = (
        f"{NEW_A_NIGHT:,} photos over a base of {MILLION:,}, requests to S3 included. Beside the cluster, Airflow "
        f"lists, compares and checks for {airflow / 60:.1f} minutes of one process, most of it without a cluster."
    )
    return f"{tables.markdown([row(machine) for machine in MACHINES])}\n\n{filled(said)}"


def start(basis: Basis) -> str:
    """How many photos a start is worth."""
    fleet = nights_cluster(basis.measured, basis.figures, MACHINES[0])
    first, second = basis.measured.step_1, basis.measured.step_2
    idle = fleet.life(0, 0)
    seconds = idle.start_s + idle.step_1_s + idle.step_2_s
    worth = seconds * fleet.cores / (first.core_s + second.core_s)
    return filled(
        f"Before and beside all work a run spends {seconds / 60:.1f} minutes: the cluster's start, that of Spark "
        f"twice, and what both steps take whatever there is to do. In this time {fleet.nodes} {fleet.machine.worker} "
        f"would do both steps for {worth:,.0f} photos: below that number most of what a night costs is the start "
        f"({euro(fleet.eur(idle, spot=True))} EUR with Spot), and photos hardly count."
    )


def notebook(basis: Basis) -> str:
    """The same photos the notebook's way; empty when it was not measured beside Verger."""
    rows = [(str(row["name"]).lower(), row) for row in (basis.bench or {}).get("rows", ())]
    ours = [row["photos_per_second"] for name, row in rows if name.startswith("verger")]
    theirs = [row["photos_per_second"] for name, row in rows if "notebook" in name]
    if not ours or not theirs:
        return ""
    times, machine, figures = ours[0] / max(theirs), MACHINES[0], basis.figures
    hours = MILLION * basis.measured.step_1.core_s / machine.cores(figures) / 3600
    own = hours * machine.usd(figures, machine.worker, spot=False) * figures["EUR"]
    return filled(
        f"Side by side on one machine the notebook's way (binaryFile, a pandas UDF, Keras) does {max(theirs):.1f} "
        f"photos a second, Verger {ours[0]:.1f}: {times:.1f} times as many. At that ratio step 1 of a million photos "
        f"takes {hours * times:,.1f} hours of a {machine.worker} instead of {hours:,.1f}, and costs "
        f"{euro(own * times)} EUR on demand instead of {euro(own)}."
    )


def binding(basis: Basis) -> str:
    """What becomes the limit where."""
    return limits.table(basis.measured, basis.figures, basis.listing, AMOUNTS, HOURS)


def euro(amount: float) -> str:
    """Two decimals below a hundred, none above."""
    return f"{amount:,.2f}" if amount < 100 else f"{amount:,.0f}"


def filled(text: str) -> str:
    """A paragraph of lines of 120 characters."""
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


BLOCKS: dict[str, Callable[[Basis], str]] = {
    "measured": measured,
    "stated": prices,
    "machines": machines,
    "costs": costs,
    "storage": storage,
    "night": night,
    "start": start,
    "limits": binding,
    "notebook": notebook,
}
