"""Draws the pictures of a report. For a picture that cannot be drawn, the page shows the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from verger.context import RunContext
from verger.publication.model import Snapshot
from verger.report import drift, labels
from verger.report.attempt import attempt
from verger.report.pictures import charts, sample
from verger.report.pictures.svg import GREY
from verger.report.pictures.thumbnails import Thumbnail, small, thumbnail
from verger.report.suspects import pictures
from verger.report.suspects.pictures import Drawn
from verger.report.suspects.table import Suspects
from verger_contract.report import LabelRow, Report

SHOWN = 12
"""Thumbnails of new photos, and of rejects."""

ON_MAP = 300
"""Thumbnails of photos on the map: some 450 kB of the page."""


@dataclass(frozen=True)
class Picture:
    """SVG, or the reason why there is none."""

    markup: str = ""
    why_not: str = "Not drawn."


@dataclass(frozen=True)
class MapLabel:
    """A label of the map, empty for the rest.

    Attributes
    ----------
    id : str
        Of the group of points in the SVG element.
    label, colour : str
    photos : sequence of (str, str or None)
        Path of each point, and its thumbnail as a data: URI.
    """

    id: str
    label: str
    colour: str
    photos: Sequence[tuple[str, str | None]]


@dataclass(frozen=True)
class Illustrations:
    """All pictures of a page.

    Attributes
    ----------
    variance, map, timeline : Picture
    new, rejects : sequence of Thumbnail
    map_shows : int
        Photos on the map.
    map_complete : bool
        Whether these are all current photos.
    map_labels : sequence of MapLabel
        The labels of the map, in the order of their groups of points.
    suspects : sequence of Drawn
    """

    variance: Picture = field(default_factory=Picture)
    map: Picture = field(default_factory=Picture)
    timeline: Picture = field(default_factory=Picture)
    new: Sequence[Thumbnail] = ()
    rejects: Sequence[Thumbnail] = ()
    map_shows: int = 0
    map_complete: bool = False
    map_labels: Sequence[MapLabel] = ()
    suspects: Sequence[Drawn] = ()


def illustrate(
    run_context: RunContext,
    snapshot: Snapshot,
    report: Report,
    rows: Sequence[LabelRow],
    suspects: Suspects | None = None,
) -> Illustrations:
    """Draw the pictures of a run and the snapshot that it published."""
    drawn = attempt("the sample of photos", lambda: sample.of_map(run_context.store, snapshot), None)
    return Illustrations(
        variance=_variance(report),
        map=_map(drawn, rows),
        map_labels=attempt("the photos of the map", lambda: _map_labels(run_context, drawn, rows), []) if drawn else (),
        timeline=timeline(report),
        new=attempt("new photos", lambda: _new(run_context), []),
        rejects=attempt("rejects", lambda: _rejects(run_context), []),
        suspects=attempt(
            "the suspects", lambda: pictures.draw(run_context.client, run_context.run.bucket, suspects), []
        ),
        map_shows=len(drawn.labels) if drawn else 0,
        map_complete=bool(drawn and drawn.complete),
    )


def timeline(report: Report) -> Picture:
    """Draw the tasks in time, those whose start is known."""
    if not any(task["start"] and task["end"] for task in report["tasks"]):
        return Picture(why_not="The start of the tasks is unknown.")
    return attempt("the timeline", lambda: Picture(charts.timeline(report["tasks"])), _failed())


def _variance(report: Report) -> Picture:
    if not report["variance"]:
        return Picture(why_not="The photos have no variance that components could explain.")
    return attempt("the chart of the variance", lambda: Picture(charts.variance(report)), _failed())


def _map(drawn: sample.Map | None, rows: Sequence[LabelRow]) -> Picture:
    if drawn is None:
        return _failed()
    if not drawn.labels:
        return Picture(why_not="There are no photos.")
    return attempt("the map", lambda: Picture(charts.photo_map(drawn, _first(rows))), _failed())


def _first(rows: Sequence[LabelRow]) -> list[str]:
    """Return the labels to draw first: those whose new photos are far, then the largest."""
    far = drift.far_labels(rows)
    return [*far, *(label for label in labels.largest(rows, charts.LARGE) if label not in far)]


def _map_labels(run_context: RunContext, drawn: sample.Map, rows: Sequence[LabelRow]) -> list[MapLabel]:
    """Return the labels of the map with the paths of their photos, and thumbnails of ON_MAP of them."""
    wanted = drawn.paths[:ON_MAP]  # a random sample, in random order
    pictures = small(run_context.client, run_context.run.bucket, wanted)
    return [
        MapLabel(
            group.id,
            group.label,
            charts.appearance(group.label)[0] if group.label else GREY,
            [(drawn.paths[row], pictures.get(drawn.paths[row])) for row in group.rows],
        )
        for group in charts.groups(drawn, _first(rows))
    ]


def _failed() -> Picture:
    return Picture(why_not="This picture could not be drawn: see the log of the task `report`.")


def _new(run_context: RunContext) -> list[Thumbnail]:
    chosen = sample.new_photos(run_context.store, run_context.run, SHOWN)
    return [thumbnail(run_context.client, run_context.run.bucket, path, label) for path, label in chosen]


def _rejects(run_context: RunContext) -> list[Thumbnail]:
    chosen = sample.rejects(run_context.store, run_context.run, SHOWN)
    return [thumbnail(run_context.client, run_context.run.bucket, path, reason) for path, reason in chosen]
