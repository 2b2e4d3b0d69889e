"""The cost of a million and of a hundred million photos with Verger, from measured figures and stated prices.

    python -m benchmarks.planning [--set NAME=VALUE ...]   (in the dev environment, plugins/ and spark_jobs/ on
                                                            PYTHONPATH; `make bench-planning`)

Reads benchmarks/results.json (`growth`, and `comparison` and `camera` if they exist), the table of listings in
benchmarks/README.md and that of runs in benchmarks/scheduled_runs.md. Writes every figure of benchmarks/planning.md. It
measures nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import results
from benchmarks.harness.places import RESULTS, ROOT
from benchmarks.planning import blocks, scheduled_runs, stack_costs
from benchmarks.planning.blocks import Basis
from benchmarks.planning.limits import Listing
from benchmarks.planning.prices import stated

PAGE = ROOT / "benchmarks" / "planning.md"
BLOCKS: dict[str, Callable[[Basis], str]] = {
    "measured": blocks.measured,
    "stated": blocks.prices,
    "machines": blocks.machines,
    "camera": blocks.camera,
    "cluster_plans": blocks.cluster_plans,
    "costs": blocks.costs,
    "storage": blocks.storage,
    "scheduled_run": blocks.scheduled_run,
    "start": blocks.start,
    "stack": lambda basis: stack_costs.stack(basis.figures),
    "months": lambda basis: stack_costs.months(basis.figures),
    "limits": blocks.binding,
    "notebook": blocks.notebook,
}
"""Functions that compute the blocks of the page, by the names of the marks around the blocks."""


def main() -> None:
    """Read the command line and compute the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="your own prices and assumptions")
    parser.add_argument("--results", type=Path, default=RESULTS, help="measured figures")
    parser.add_argument("--page", type=Path, default=PAGE, help="page to write into")
    arguments = parser.parse_args()
    growth = results.load("growth", arguments.results)
    if growth is None:
        raise SystemExit(f"{arguments.results}: expected the member growth, which `make bench-growth` writes")
    try:
        comparison = results.load("comparison", arguments.results)
        camera = results.load("camera", arguments.results)
        basis = Basis(growth, comparison, Listing.read(), stated(arguments.set), camera, scheduled_runs.read())
        text = page(arguments.page.read_text(), basis)
    except ValueError as error:
        raise SystemExit(f"planning: {error}") from None
    arguments.page.write_text(text)
    print(blocks.cluster_plans(basis), stack_costs.months(basis.figures), sep="\n\n")
    print(f"{arguments.page}: written")


def page(text: str, basis: Basis) -> str:
    """Return the page with all blocks between marks computed from `basis`.

    Raises
    ------
    ValueError
        The marks of a block are missing.
    """
    for name, block in BLOCKS.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if begin not in text or end not in text:
            raise ValueError(f"expected the marks {begin} and {end} in the page, found none")
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n{block(basis)}\n{end}{after}"
    return text
