"""Small line charts of the runs of a page, and their description in words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from verger_ui.formats import count, money, seconds
from verger_ui.views.run_facts import RunFacts

WIDTH, HEIGHT, EDGE = 160, 36, 3


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
    """

    title: str
    latest: str
    points: str
    last: tuple[float, float]
    description: str


def trends(runs: Sequence[RunFacts]) -> list[Trend]:
    """Return the trends of the runs, which are given newest first. A figure with fewer than two values has no trend."""
    currency = next((run.currency for run in runs if run.currency), "")
    figures: list[tuple[str, Callable[[RunFacts], float | None], Callable[[float], str]]] = [
        ("photos", lambda run: run.photos, count),
        ("new", lambda run: run.new, count),
        ("duration", lambda run: run.total_seconds, seconds),
        ("cost", lambda run: run.cost, lambda value: money(value, currency)),
    ]
    found = []
    for title, of, written in figures:
        values = [value for value in map(of, reversed(runs)) if value is not None]
        if len(values) >= 2:
            found.append(_trend(title, values, written))
    return found


def _trend(title: str, values: Sequence[float], written: Callable[[float], str]) -> Trend:
    low, high = min(values), max(values)
    span = high - low or 1

    def point(position: int, value: float) -> tuple[float, float]:
        x = EDGE + (WIDTH - 2 * EDGE) * position / (len(values) - 1)
        # Equal values are drawn in the middle.
        height = (value - low) / span if high > low else 0.5
        return round(x, 1), round(HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * height, 1)

    points = [point(position, value) for position, value in enumerate(values)]
    description = (
        f"{title} of the last {len(values)} runs with this figure: from {written(values[0])} to {written(values[-1])}, "
        f"lowest {written(low)}, highest {written(high)}"
    )
    return Trend(title, written(values[-1]), " ".join(f"{x},{y}" for x, y in points), points[-1], description)
