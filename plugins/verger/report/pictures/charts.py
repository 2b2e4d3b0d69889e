"""The charts of the report: explained variance, a map of the photos, and the tasks in time. Each is SVG text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from verger.report.pictures import svg
from verger.report.pictures.sample import Map
from verger_contract.photos import digest
from verger_contract.report import Report, TaskFacts

if TYPE_CHECKING:
    import numpy
    from matplotlib.axes import Axes

WIDTH = 8.2
"""Inches; the page scales them."""

NAMED = 30
"""Most labels whose names are written on the map."""

GROUPS = 150
"""Most labels whose points have a tooltip of their own; the rest form one group."""

LARGE = 6
"""Labels with larger points."""


def variance(report: Report) -> str:
    """Draw the cumulative explained variance by number of components, with k and the target."""
    from matplotlib import ticker

    shares, k, target = report["variance"], report["k"], report["target_variance"]
    if shares is None or k is None or target is None:
        raise ValueError(f"run {report['run']}: expected its explained variance, k and target, found none")
    current, fitted = shares["current"], shares["fitted"]
    shown = min(max(len(current), len(fitted or ())), max(2 * k, k + 10))
    reached = current[min(k, len(current)) - 1]
    with svg.style():
        made = svg.figure(WIDTH, 3.1)
        axes = made.add_subplot()
        _curves(axes, current, fitted)
        _marks(axes, k, reached, target)
        axes.set_xlim(0 if k > 12 else 0.5, shown + 0.5)
        axes.set_ylim(0, 1.03)
        axes.yaxis.set_major_formatter(ticker.PercentFormatter(1.0))
        axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
        axes.set_xlabel("components")
        axes.set_ylabel("explained variance, cumulative")
        axes.text(shown, target, f"target {target:.2%} ", ha="right", va="bottom", size=8)
        if fitted:
            axes.legend(loc="lower right", frameon=False)
        alternative = f"Cumulative explained variance: {reached:.2%} with k = {k} components"
        return svg.render(made, "variance", alternative)


def _curves(axes: Axes, current: Sequence[float], fitted: Sequence[float] | None) -> None:
    label = "all current photos, with this basis" if fitted else "all current photos"
    marker = "o" if len(current) < 12 else None
    axes.plot(range(1, len(current) + 1), current, color=svg.BLUE, lw=2, marker=marker, label=label)
    if fitted:
        axes.plot(range(1, len(fitted) + 1), fitted, "--", color=svg.ORANGE, label="when the basis was fitted")


def _marks(axes: Axes, k: int, reached: float, target: float) -> None:
    axes.axhline(target, color=svg.INK, lw=0.8, ls=":")
    axes.axvline(k, color=svg.INK, lw=0.8, ls=":")
    axes.plot([k], [reached], "D", color=svg.VERMILLION, ms=6)
    text, offset = f"k = {k:,}: {reached:.2%}", (8, -14)
    axes.annotate(text, (k, reached), offset, textcoords="offset points", color=svg.INK, weight="bold")


def appearance(label: str) -> tuple[str, str]:
    """Return colour and marker of a label. They depend on its name alone, so they are the same in every report."""
    hashed = digest(label)
    return svg.PALETTE[hashed % len(svg.PALETTE)], svg.MARKERS[hashed // len(svg.PALETTE) % len(svg.MARKERS)]


@dataclass(frozen=True)
class MapGroup:
    """The points of one label on the map.

    Attributes
    ----------
    id : str
        Of the group of points in the SVG element.
    label : str
    rows : sequence of int
        The rows of the map, in the order of the points.
    """

    id: str
    label: str
    rows: Sequence[int]


def groups(drawn: Map, first: Sequence[str]) -> list[MapGroup]:
    """Return the groups of points: `first`, then the labels with most photos; the rest is one group without a label."""
    counts = Counter(drawn.labels)
    ordered = [*(label for label in first if label in counts), *(label for label, _ in counts.most_common())]
    names = list(dict.fromkeys(ordered))[:GROUPS]
    rows: dict[str, list[int]] = {name: [] for name in names}
    for row, label in enumerate(drawn.labels):
        rows.setdefault(label if label in counts and label in names else "", []).append(row)
    return [MapGroup(f"map-label-{number}", label, found) for number, (label, found) in enumerate(rows.items())]


def photo_map(drawn: Map, first: Sequence[str]) -> str:
    """Draw the first two coordinates of the photos.

    Parameters
    ----------
    drawn : Map
    first : sequence of str
        Labels with larger points, six at most: they are drawn on top, and named in the legend.
    """
    import numpy

    counts = Counter(drawn.labels)
    large = [label for label in first if label in counts][:LARGE]
    found = groups(drawn, first)
    with svg.style():
        made = svg.figure(WIDTH, 5.6)
        axes = made.add_subplot()
        titles = _scatter(axes, drawn, found, large)
        axes.set_xlabel("first coordinate")
        axes.set_ylabel("second coordinate")
        axes.margins(0.06)
        if large:
            _key(axes, large, len(counts) - len(large))
        made.draw_without_rendering()
        names = [group.label for group in found if group.label][:NAMED] if len(counts) > 1 else []
        labels = numpy.array(drawn.labels, dtype=object)
        _name(axes, {label: numpy.median(drawn.points[labels == label], axis=0) for label in names}, large)
        alternative = f"Map of {len(drawn.labels):,} photos of {len(counts):,} labels by their first two coordinates"
        return svg.render(made, "map", alternative, titles)


def _scatter(axes: Axes, drawn: Map, found: Sequence[MapGroup], large: Sequence[str]) -> dict[str, str]:
    """Draw the points, the large ones on top. Returns the tooltip of each group of points by its id."""
    titles: dict[str, str] = {}
    for group in reversed(found):
        gid = group.id.removeprefix("map-")
        titles[gid] = group.label or "other labels"
        colour, marker = appearance(group.label) if group.label else (svg.GREY, "o")
        on_top = group.label in large
        points = drawn.points[list(group.rows)]
        axes.scatter(
            points[:, 0],
            points[:, 1],
            gid=gid,
            linewidths=0,
            color=colour,
            marker=marker,
            s=26 if on_top else 12,
            alpha=0.9 if on_top else 0.75,
        )
    return titles


def _key(axes: Axes, large: Sequence[str], others: int) -> None:
    """Add the legend under the map."""
    from matplotlib.lines import Line2D

    def entry(name: str, colour: str, marker: str) -> Line2D:
        return Line2D([], [], color=colour, marker=marker, ls="none", ms=6, mec="none", label=svg.short(name))

    entries = [entry(label, *appearance(label)) for label in large]
    if others:
        entries.append(entry(f"{others:,} other labels" if others > 1 else "1 other label", "none", "o"))
    legend = axes.figure.legend(
        handles=entries, loc="outside lower center", ncols=min(len(entries), 4), frameon=False, handletextpad=0.2
    )
    for text in legend.get_texts():
        text.set_parse_math(False)  # a $ in a label starts no formula


def _name(axes: Axes, positions: Mapping[str, numpy.ndarray], large: Sequence[str]) -> None:
    """Write the names of labels at the median of their photos. A name that would cover another one is left out."""
    taken: list[Any] = []
    box = {"facecolor": svg.PAPER, "edgecolor": "none", "alpha": 0.7, "pad": 0.8}
    for label, (x, y) in positions.items():
        first = label in large
        text = axes.text(
            x, y, svg.short(label, 20), size=8 if first else 7, ha="center", va="center", bbox=box, parse_math=False
        )
        text.set_fontweight("bold" if first else "normal")
        extent = text.get_window_extent().padded(2)
        if any(extent.overlaps(other) for other in taken):
            text.remove()
        else:
            taken.append(extent)


def timeline(tasks: Sequence[TaskFacts]) -> str:
    """Draw the start and end of each task whose times are known, in the order of their start.

    Bars are hatched where Airflow waits for the cluster or for a step on it, and crossed where a task failed.
    """
    rows = sorted(_spans(tasks), key=lambda row: row.start)
    first = rows[0].start
    total = max((row.end - first).total_seconds() for row in rows) or 1.0
    unit, seconds = ("min", 60.0) if total >= 300 else ("s", 1.0)
    with svg.style():
        made = svg.figure(WIDTH, 0.55 + 0.24 * len(rows))
        axes = made.add_subplot()
        for position, row in enumerate(rows):
            _bar(axes, position, row, first=first, total=total, unit=seconds)
        axes.set_yticks(range(len(rows)), [row.task["task"] for row in rows])
        axes.invert_yaxis()
        axes.set_xlim(0, total / seconds * 1.02)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(f"{unit} since {rows[0].task['task']} started")
        durations = ", ".join(f"{row.task['task']} {duration(row.task['seconds'])}" for row in rows)
        return svg.render(made, "timeline", f"Tasks in time: {durations}")


@dataclass(frozen=True)
class _Span:
    task: TaskFacts
    start: datetime
    end: datetime


def _spans(tasks: Sequence[TaskFacts]) -> Iterator[_Span]:
    for task in tasks:
        if task["start"] and task["end"]:
            yield _Span(task, datetime.fromisoformat(task["start"]), datetime.fromisoformat(task["end"]))


def _bar(axes: Axes, position: int, row: _Span, *, first: datetime, total: float, unit: float) -> None:
    """Draw one task. `total` is the length of the time axis in seconds, `unit` the seconds of its unit."""
    failed, waits = row.task["state"] == "failed", row.task["task"].endswith(("_done", "_ready"))
    colour = svg.VERMILLION if failed else svg.ORANGE if waits else svg.BLUE
    hatch = "xxx" if failed else "///" if waits else None
    start = (row.start - first).total_seconds()
    width = max((row.end - row.start).total_seconds(), total / 400)
    axes.barh(position, width / unit, left=start / unit, height=0.62, color=colour, hatch=hatch, ec=svg.PAPER)
    text = f"  {duration(row.task['seconds'])}{' FAILED' if failed else ''} "
    fits = start + width < 0.86 * total
    at = start + width if fits else start
    axes.text(at / unit, position, text, va="center", ha="left" if fits else "right", size=8)


def duration(seconds: float) -> str:
    """Return for example `0.3 s`, `42 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
