"""Draws what a page shows beside its figures. What cannot be drawn is left out, and the page says why."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from verger.context import RunContext
from verger.report import labels as label_rows
from verger.report import pictures, sample
from verger.report.svg import PALETTE
from verger.report.thumbnails import Thumbnail, thumbnail

log = logging.getLogger(__name__)

SHOWN = 12
"""Photos shown, of the new ones and of the rejects."""

Drawn = TypeVar("Drawn")


@dataclass(frozen=True)
class Picture:
    """SVG, or why there is none."""

    markup: str = ""
    why_not: str = "Not drawn."


@dataclass(frozen=True)
class Illustrations:
    """All pictures of a page. `map_shows`: how many photos are on the map."""

    variance: Picture = field(default_factory=Picture)
    map: Picture = field(default_factory=Picture)
    timeline: Picture = field(default_factory=Picture)
    new: Sequence[Thumbnail] = ()
    rejects: Sequence[Thumbnail] = ()
    map_shows: int = 0
    map_whole: bool = False


def illustrate(run_context: RunContext, facts: Mapping[str, Any], labels: Sequence[Mapping[str, Any]]) -> Illustrations:
    """Draw everything of a published run."""
    drawn = attempt("the sample of photos", lambda: sample.of_map(run_context.store, run_context.run), None)
    return Illustrations(
        variance=_variance(facts),
        map=_map(drawn, labels),
        timeline=timeline(facts),
        new=attempt("new photos", lambda: _new(run_context), []),
        rejects=attempt("rejects", lambda: _rejects(run_context), []),
        map_shows=len(drawn.labels) if drawn else 0,
        map_whole=bool(drawn and drawn.whole),
    )


def attempt(what: str, draw: Callable[[], Drawn], otherwise: Drawn) -> Drawn:
    """What `draw` returns; where it fails, `otherwise`: a report is worth having without it."""
    try:
        return draw()
    except Exception:
        log.exception("the report goes without %s", what)
        return otherwise


def timeline(facts: Mapping[str, Any]) -> Picture:
    """The stages in time, as far as it is known when they began."""
    if not any(stage.get("start") and stage.get("end") for stage in facts["tasks"]):
        return Picture(why_not="When the tasks began is not known.")
    return attempt("the timeline", lambda: Picture(pictures.timeline(facts["tasks"])), _failed())


def _variance(facts: Mapping[str, Any]) -> Picture:
    if not facts["variance"]:
        return Picture(why_not="The photos have no variance that components could explain.")
    return attempt("the picture of the variance", lambda: Picture(pictures.variance(facts)), _failed())


def _map(drawn: sample.Map | None, labels: Sequence[Mapping[str, Any]]) -> Picture:
    if drawn is None:
        return _failed()
    if not drawn.labels:
        return Picture(why_not="There is no photo to be shown.")
    far = label_rows.far(labels)
    first = [*far, *(label for label in label_rows.largest(labels, len(PALETTE)) if label not in far)]
    return attempt("the map", lambda: Picture(pictures.photo_map(drawn, first)), _failed())


def _failed() -> Picture:
    return Picture(why_not="This picture could not be drawn; the log of the task `report` says why.")


def _new(run_context: RunContext) -> list[Thumbnail]:
    chosen = sample.new_photos(run_context.store, run_context.run, SHOWN)
    return [thumbnail(run_context.client, run_context.run.bucket, path, label) for path, label in chosen]


def _rejects(run_context: RunContext) -> list[Thumbnail]:
    chosen = sample.rejects(run_context.store, run_context.run, SHOWN)
    return [thumbnail(run_context.client, run_context.run.bucket, path, reason) for path, reason in chosen]
