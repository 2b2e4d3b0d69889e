"""Small line charts of the published runs of a page, and their description in words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from verger_ui.formats import count, money, seconds, share
from verger_ui.views.run_facts import RunFacts, State

MONTHS = 12
"""Months whose cost is shown."""
WIDTH, HEIGHT, EDGE = 200, 44, 3


@dataclass(frozen=True)
class Trend:
    """A line, with the oldest run on the left.

    Attributes
    ----------
    title : str
    latest : str
        Value of the newest run.
    points : str
        Points of an SVG polyline.
    last : tuple of float
        Point of the newest run.
    description : str
        The line in words.
    low, high : str
        The scale: the lowest and the highest value.
    since, until : str
        Dates of the oldest and the newest run.
    """

    title: str
    latest: str
    points: str
    last: tuple[float, float]
    description: str
    low: str
    high: str
    since: str
    until: str


def trends(runs: Sequence[RunFacts]) -> list[Trend]:
    """Return the trends of the published runs, which are given newest first.

    A figure with fewer than two values has no trend. The duration is that of runs that featurized about as many photos
    as the newest one: others take longer or shorter for that reason alone.
    """
    published = [run for run in runs if run.state is State.PUBLISHED and run.at]
    currency = next((run.currency for run in published if run.currency), "")
    alike = _alike(published)
    figures: list[tuple[str, Sequence[RunFacts], Callable[[RunFacts], float | None], Callable[[float], str]]] = [
        ("photos", published, lambda run: run.photos, count),
        ("new", published, lambda run: run.new, count),
        ("rejected", published, lambda run: run.rejected, count),
        ("variance explained", published, lambda run: run.explained, share),
        ("duration of like runs", alike, lambda run: run.total_seconds, seconds),
        ("cost", published, lambda run: run.cost, lambda value: money(value, currency)),
    ]
    found = []
    for title, shown, of, written in figures:
        dated = [(run.at, value) for run in reversed(shown) if run.at and (value := of(run)) is not None]
        if len(dated) >= 2:
            found.append(_trend(title, dated, written))
    return found


def cost_by_month(costs: Sequence[tuple[datetime, float]]) -> list[tuple[str, float]]:
    """Return month and estimated cost of runs, newest month first, at most MONTHS. The last has all earlier ones.

    Examples
    --------
    >>> cost_by_month([(datetime(2026, 11, 2), 1.0), (datetime(2026, 10, 3), 2.0), (datetime(2026, 11, 1), 0.5)])
    [('Nov 2026', 1.5), ('Oct 2026', 2.0)]
    """
    months: dict[str, float] = {}
    for at, cost in sorted(costs, reverse=True):
        months[f"{at:%b %Y}"] = months.get(f"{at:%b %Y}", 0.0) + cost
    newest, earlier = list(months.items())[:MONTHS], list(months.values())[MONTHS:]
    return [*newest, (f"before {newest[-1][0]}", sum(earlier))] if earlier else newest


def _alike(published: Sequence[RunFacts]) -> list[RunFacts]:
    """Return the runs that featurized at least half and at most twice as many photos as the newest one."""
    work = [(run.new or 0) + (run.changed or 0) for run in published]
    return [run for run, photos in zip(published, work, strict=True) if work[0] <= 2 * photos and photos <= 2 * work[0]]


def _trend(title: str, dated: Sequence[tuple[datetime, float]], written: Callable[[float], str]) -> Trend:
    values = [value for _, value in dated]
    low, high = min(values), max(values)
    first, last = dated[0][0], dated[-1][0]
    length = (last - first).total_seconds()

    def point(at: datetime, value: float, position: int) -> tuple[float, float]:
        along = (at - first).total_seconds() / length if length > 0 else position / (len(dated) - 1)
        # Equal values are drawn in the middle.
        height = (value - low) / (high - low) if high > low else 0.5
        x = EDGE + (WIDTH - 2 * EDGE) * along
        return round(x, 1), round(HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * height, 1)

    points = [point(at, value, position) for position, (at, value) in enumerate(dated)]
    description = (
        f"{title} of {len(values)} published runs: from {written(values[0])} to {written(values[-1])}, "
        f"lowest {written(low)}, highest {written(high)}"
    )
    return Trend(
        title=title,
        latest=written(values[-1]),
        points=" ".join(f"{x},{y}" for x, y in points),
        last=points[-1],
        description=description,
        low=written(low),
        high=written(high),
        since=f"{first:%-d %b %Y}",
        until=f"{last:%-d %b %Y}",
    )
