"""The pictures of the report: variance by component, a map of the photos, the stages in time. Each is SVG text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from verger.report import svg
from verger.report.sample import Map

if TYPE_CHECKING:
    import numpy
    from matplotlib.axes import Axes

WIDTH = 8.2
"""Inches; the page scales them."""

NAMED = 30
"""Labels whose names are written on the map, where there is room."""

GROUPS = 150
"""Labels whose points tell their name under the pointer; the rest are together."""


def variance(facts: Mapping[str, Any]) -> str:
    """Cumulative explained variance by number of components, with k and the target marked."""
    from matplotlib import ticker

    said, k = facts["variance"], facts["k"]
    tonight, fitted = said["current"], said["fitted"]
    shown = min(max(len(tonight), len(fitted or ())), max(2 * k, k + 10))
    with svg.style():
        made = svg.figure(WIDTH, 3.1)
        axes = made.add_subplot()
        label = "all current photos, along this basis" if fitted else "all current photos"
        marked = "o" if len(tonight) < 12 else None
        axes.plot(range(1, len(tonight) + 1), tonight, color=svg.BLUE, lw=2, marker=marked, label=label)
        if fitted:
            axes.plot(range(1, len(fitted) + 1), fitted, "--", color=svg.ORANGE, label="when the basis was fitted")
        reached = tonight[min(k, len(tonight)) - 1]
        axes.axhline(facts["target_variance"], color=svg.INK, lw=0.8, ls=":")
        axes.axvline(k, color=svg.INK, lw=0.8, ls=":")
        axes.plot([k], [reached], "D", color=svg.VERMILLION, ms=6)
        axes.annotate(
            f"k = {k:,}: {reached:.2%}",
            (k, reached),
            (8, -14),
            textcoords="offset points",
            color=svg.INK,
            weight="bold",
        )
        axes.set_xlim(0 if k > 12 else 0.5, shown + 0.5)
        axes.set_ylim(0, 1.03)
        axes.yaxis.set_major_formatter(ticker.PercentFormatter(1.0))
        axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
        axes.set_xlabel("components")
        axes.set_ylabel("explained variance, cumulative")
        axes.text(
            shown, facts["target_variance"], f"target {facts['target_variance']:.2%} ", ha="right", va="top", size=8
        )
        if fitted:
            axes.legend(loc="lower right", frameon=False)
        words = f"Cumulative explained variance: {reached:.2%} with k = {k} components"
        return svg.render(made, "variance", words)


def photo_map(drawn: Map, first: Sequence[str]) -> str:
    """First two coordinates of the photos. The labels `first` (six at the most) have a colour and a marker of their
    own, the others are grey; as many names as there is room for are written where the photos of a label lie.
    """
    import numpy

    labels = numpy.array(drawn.labels, dtype=object)
    counts = Counter(drawn.labels)
    coloured = [label for label in first if label in counts][: len(svg.PALETTE)]
    grey = [label for label, _ in counts.most_common() if label not in coloured]
    titles: dict[str, str] = {}
    with svg.style():
        made = svg.figure(WIDTH, 5.6)
        axes = made.add_subplot()

        def group(points: numpy.ndarray, title: str, **style: Any) -> None:
            gid = f"label-{len(titles)}"
            titles[gid] = title
            axes.scatter(points[:, 0], points[:, 1], gid=gid, linewidths=0, **style)

        rest = numpy.isin(labels, grey[GROUPS:])
        if rest.any():
            group(drawn.points[rest], "other labels", s=9, color=svg.GREY, alpha=0.55)
        for label in grey[:GROUPS]:
            group(drawn.points[labels == label], label, s=9, color=svg.GREY, alpha=0.55)
        for label, colour, marker in zip(coloured, svg.PALETTE, svg.MARKERS, strict=False):
            group(drawn.points[labels == label], label, s=26, color=colour, marker=marker, alpha=0.85)
        axes.set_xlabel("first coordinate")
        axes.set_ylabel("second coordinate")
        axes.margins(0.06)
        if coloured:
            _key(axes, coloured, len(grey))
        made.draw_without_rendering()
        names = [*coloured, *grey][:NAMED] if len(counts) > 1 else []
        _name(axes, {label: numpy.median(drawn.points[labels == label], axis=0) for label in names}, coloured)
        words = f"Map of {len(drawn.labels):,} photos of {len(counts):,} labels by their first two coordinates"
        return svg.render(made, "map", words, titles)


def _key(axes: Axes, coloured: Sequence[str], others: int) -> None:
    """What the markers mean, under the map."""
    from matplotlib.lines import Line2D

    def entry(name: str, colour: str, marker: str) -> Line2D:
        return Line2D([], [], color=colour, marker=marker, ls="none", ms=6, mec="none", label=svg.short(name))

    entries = [entry(*row) for row in zip(coloured, svg.PALETTE, svg.MARKERS, strict=False)]
    if others:
        entries.append(entry(f"{others:,} other labels" if others > 1 else "1 other label", svg.GREY, "o"))
    legend = axes.figure.legend(
        handles=entries, loc="outside lower center", ncols=min(len(entries), 4), frameon=False, handletextpad=0.2
    )
    for text in legend.get_texts():
        text.set_parse_math(False)  # labels are the users' own: a $ is a $


def _name(axes: Axes, places: Mapping[str, numpy.ndarray], coloured: Sequence[str]) -> None:
    """Write the names of labels where their photos lie, each unless it would cover another one."""
    taken: list[Any] = []
    box = {"facecolor": svg.PAPER, "edgecolor": "none", "alpha": 0.7, "pad": 0.8}
    for label, (x, y) in places.items():
        first = label in coloured
        text = axes.text(
            x, y, svg.short(label, 20), size=8 if first else 7, ha="center", va="center", bbox=box, parse_math=False
        )
        text.set_fontweight("bold" if first else "normal")
        extent = text.get_window_extent().padded(2)
        if any(extent.overlaps(other) for other in taken):
            text.remove()
        else:
            taken.append(extent)


def timeline(stages: Sequence[Mapping[str, Any]]) -> str:
    """When each stage began and ended, in the order of their beginnings; hatched where the cluster works."""
    rows = sorted((stage for stage in stages if stage["start"] and stage["end"]), key=lambda stage: stage["start"])
    began = datetime.fromisoformat(rows[0]["start"])
    spans = [[(datetime.fromisoformat(row[at]) - began).total_seconds() for at in ("start", "end")] for row in rows]
    last = max(end for _, end in spans) or 1.0
    unit, seconds = ("min", 60.0) if last >= 300 else ("s", 1.0)
    with svg.style():
        made = svg.figure(WIDTH, 0.55 + 0.24 * len(rows))
        axes = made.add_subplot()
        for place, (row, (start, end)) in enumerate(zip(rows, spans, strict=True)):
            failed, waits = row["state"] == "failed", row["task"].endswith(("_done", "_ready"))
            colour = svg.VERMILLION if failed else svg.ORANGE if waits else svg.BLUE
            hatch = "xxx" if failed else "///" if waits else None
            width = max(end - start, last / 400)
            axes.barh(
                place, width / seconds, left=start / seconds, height=0.62, color=colour, hatch=hatch, ec=svg.PAPER
            )
            words = f"  {duration(row['seconds'])}{' FAILED' if failed else ''}"
            right = start + width < 0.86 * last
            spot = start + width if right else start
            axes.text(spot / seconds, place, f"{words} ", va="center", ha="left" if right else "right", size=8)
        axes.set_yticks(range(len(rows)), [row["task"] for row in rows])
        axes.invert_yaxis()
        axes.set_xlim(0, last / seconds * 1.02)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(f"{unit} since {rows[0]['task']} began")
        words = ", ".join(f"{row['task']} {duration(row['seconds'])}" for row in rows)
        return svg.render(made, "timeline", f"Stages in time: {words}")


def duration(seconds: float) -> str:
    """For people: `0.3 s`, `42 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
