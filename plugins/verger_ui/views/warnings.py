"""What is odd about a run, compared with the ones before it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median

from verger_ui.views.formats import count, money, seconds, share
from verger_ui.views.run_facts import RunFacts, State

ENOUGH = 3
"""Earlier runs that it takes to say what is usual."""
UNUSUAL = 2.0
"""So many times the usual is worth a word."""
MUCH = 60.0
"""Seconds under which twice the usual is noise."""
REJECTED = 0.02
DRIFTED = 1.5
"""A label's new photos lie farther from its earlier ones than those scatter, by half."""


def oddities(run: RunFacts, earlier: Sequence[RunFacts]) -> list[str]:
    """Sentences, the gravest first; none when all is as usual. `earlier` are runs before this one."""
    return [*_of_run(run), *_of_comparison(run, [old for old in earlier if old.state is State.PUBLISHED])]


def _of_run(run: RunFacts) -> Iterator[str]:
    if run.failed_tasks and run.state is State.PUBLISHED:
        yield f"it published, but {', '.join(run.failed_tasks)} failed"
    if "terminate_cluster" in run.failed_tasks:
        yield "its cluster may still run, until its idle timeout: look at the EMR console"
    yield from _of_figures(run) if run.odd is None else run.odd


def _of_figures(run: RunFacts) -> Iterator[str]:
    """For reports that do not say themselves what is odd."""
    if run.failed_checks:
        yield f"{len(run.failed_checks)} of {run.checks} checks failed: {', '.join(run.failed_checks)}"
    if run.weights and run.weights != "imagenet":
        yield f"{run.weights} weights: the vectors mean nothing"
    if run.photos is not None and run.rejected and run.rejected >= REJECTED * (run.photos + run.rejected):
        yield f"{count(run.rejected)} photos are rejected ({share(run.rejected / (run.photos + run.rejected))})"
    if run.deleted and run.photos is not None and run.deleted > (run.photos + run.deleted) / 10:
        yield f"{count(run.deleted)} photos were deleted, more than a tenth"
    if run.drift is not None and run.drift > DRIFTED:
        yield f"new photos of a label lie {run.drift:.1f} spreads from its earlier ones: see drift in the report"


def _of_comparison(run: RunFacts, published: Sequence[RunFacts]) -> Iterator[str]:
    if run.odd is None and run.basis_kept is False and published:
        yield f"the basis was fitted anew: {run.basis_reason or 'no reason is given'}"
    if run.cost is not None and (usual := _usual(published, lambda old: old.cost)) and run.cost > UNUSUAL * usual:
        yield f"it cost {money(run.cost, run.currency)}; usual are {money(usual, run.currency)}"
    took, usual = run.total_seconds, _usual(published, lambda old: old.total_seconds)
    if took is not None and usual and took > UNUSUAL * usual and took - usual > MUCH:
        yield f"it took {seconds(took)}; usual are {seconds(usual)}"


def _usual(runs: Sequence[RunFacts], of: Callable[[RunFacts], float | None]) -> float | None:
    known = [value for value in map(of, runs) if value is not None]
    return median(known) if len(known) >= ENOUGH else None
