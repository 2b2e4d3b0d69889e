"""What in a run needs attention, also in comparison with the runs before it. Pure.

Warnings of the run itself come from its report, or are computed by the function that the report uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median

from verger.report import warnings
from verger.report.thresholds import EARLIER_RUNS, LEAST_SECONDS, UNUSUAL, Limits
from verger_ui.formats import money, seconds
from verger_ui.views.run_facts import RunFacts, State


def find(run: RunFacts, earlier: Sequence[RunFacts], limits: Limits) -> list[str]:
    """Return one sentence for each warning, the most serious first.

    Parameters
    ----------
    run : RunFacts
    earlier : sequence of RunFacts
        Runs before this one.
    limits : Limits
    """
    own = warnings.find(run.figures, limits) if run.warnings is None else run.warnings
    failed = [f"The run is published, but {', '.join(run.failed_tasks)} failed."] if _failed_after(run) else []
    return [*failed, *own, *beside_publication(run, earlier)]


def beside_publication(run: RunFacts, earlier: Sequence[RunFacts]) -> list[str]:
    """Return the warnings of a run that do not concern what it published: its cluster, cost and duration."""
    published = [old for old in earlier if old.state is State.PUBLISHED]
    return [*_of_cluster(run), *_of_comparison(run, published)]


def _failed_after(run: RunFacts) -> bool:
    return bool(run.failed_tasks) and run.state is State.PUBLISHED


def _of_cluster(run: RunFacts) -> Iterator[str]:
    if "terminate_cluster" in run.failed_tasks:
        yield "Its cluster may still be running, until its idle timeout: look at the EMR console."


def _of_comparison(run: RunFacts, published: Sequence[RunFacts]) -> Iterator[str]:
    cost, usual = run.cost, _median(published, lambda old: old.cost)
    if cost is not None and usual and cost > UNUSUAL * usual:
        yield f"The run cost {money(cost, run.currency)}; the median of earlier runs is {money(usual, run.currency)}."
    took, usual = run.total_seconds, _median(published, lambda old: old.total_seconds)
    if took is not None and usual and took > UNUSUAL * usual and took - usual > LEAST_SECONDS:
        yield f"The run took {seconds(took)}; the median of earlier runs is {seconds(usual)}."


def _median(runs: Sequence[RunFacts], of: Callable[[RunFacts], float | None]) -> float | None:
    known = [value for value in map(of, runs) if value is not None]
    return median(known) if len(known) >= EARLIER_RUNS else None
