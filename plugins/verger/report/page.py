"""The facts and pictures of a run as one self-contained HTML page. Every value is escaped: labels, file names and
reasons are the users' own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from verger.emr import cost
from verger.report import labels as label_rows
from verger.report import warnings
from verger.report.facts import PUBLISHED_STATE
from verger.report.illustrations import Illustrations
from verger.report.pictures import duration
from verger.report.summary import lines
from verger.report.svg import clean
from verger.report.thumbnails import Thumbnail
from verger.settings import Settings
from verger.validation.check import SKIPPED, outcome, summary

TEMPLATES = Path(__file__).with_name("templates")

LABELS = 40
"""Labels in the table of the page; report.json has more, the table of drift all that have new photos."""

SECTIONS = {
    "checks": "Checks",
    "variance": "Variance",
    "map": "Map",
    "labels": "Labels",
    "rejects": "Rejects",
    "new": "New photos",
    "tasks": "Tasks",
    "cost": "Cost",
    "settings": "Settings",
    "data": "Data",
}
OUTCOMES = {
    "passed": {"result": "✓ passed", "tone": "good"},
    SKIPPED: {"result": "– skipped", "tone": "odd"},
    "failed": {"result": "✗ FAILED", "tone": "bad"},
}
OF_PUBLISHED = ("variance", "map", "labels", "new")


def page(facts: Mapping[str, Any], drawn: Illustrations, settings: Settings) -> str:
    """The whole page. Keeps to what it is given: nothing is read here."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"clean": clean, "figure": figure}
    # The style is no text to be escaped; it has nothing of a user's in it.
    text = environment.get_template("page.html").render(facts=facts, view=view(facts, drawn, settings))
    return text.lstrip()


def figure(value: float) -> str:
    """A number for a table: whole ones with separators, others with three digits behind the point."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"


def view(facts: Mapping[str, Any], drawn: Illustrations, settings: Settings) -> dict[str, Any]:
    """What the template shows, in its order."""
    published = facts["state"] == PUBLISHED_STATE
    weights = (facts["model"] or {}).get("weights", "imagenet")
    return {
        "published": published,
        "marked": "" if weights == "imagenet" else f" — {weights} weights: the vectors mean nothing",
        "when": at(facts["published_at"] if published else facts["failure"]["at"]),
        "sections": [(id, title) for id, title in SECTIONS.items() if published or id not in OF_PUBLISHED],
        "lines": lines(facts),
        **_checks(facts, settings),
        **(_of_published(facts, drawn) if published else {}),
        "reject_counts": sorted(facts["rejects"].items(), key=lambda pair: (-pair[1], pair[0])),
        "rejects": drawn.rejects,
        "timeline": drawn.timeline,
        "tasks": [_stage(stage) for stage in facts["tasks"]],
        "nodes": [(n["type"], n["market"], n["count"], n["hours"]) for n in (facts["cost"] or {}).get("nodes", ())],
        "cost": f"In all: {cost.in_words(facts['cost'])}.",
        "versions": list(_versions(facts)),
        "params": list(_texts(facts["params"])),
        "settings": [(group, list(_texts(values))) for group, values in facts["settings"].items()],
        "locations": list(_places(facts["locations"])),
    }


def _of_published(facts: Mapping[str, Any], drawn: Illustrations) -> dict[str, Any]:
    """What there is of published runs alone."""
    return {
        **_variance(facts, drawn),
        **_map(facts, drawn),
        **_labels(facts),
        "new": drawn.new,
        "new_caption": _new_caption(facts, drawn.new),
        "new_why_not": "They could not be shown." if facts["featurized"] else "This run had no new photos.",
        "code": _code(facts),
    }


def _checks(facts: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    near = warnings.near_limits(facts, settings.validation, settings.pca.basis_tolerance)
    rows = [
        {
            **row,
            "table": table,
            **OUTCOMES[outcome(row)],
            "near": near.get(row["name"], ""),
        }
        for table, checks in facts["checks"].items()
        for row in checks
    ]
    return {"checks": rows, "checks_summary": summary(rows)}


def _variance(facts: Mapping[str, Any], drawn: Illustrations) -> dict[str, Any]:
    said = facts["variance"] or {"current": (), "fitted": None}
    caption = f"The first {facts['k']:,} components are kept: as many as reach the target."
    if facts["basis_kept"]:
        caption = f"The basis of {facts['basis']} is kept, with its {facts['k']:,} components."
    if said["fitted"]:
        caption += " Dashed: the photos that it was fitted to, with all components."
    return {"variance": drawn.variance, "variance_caption": caption}


def _map(facts: Mapping[str, Any], drawn: Illustrations) -> dict[str, Any]:
    if drawn.map_whole:
        which = f"All {drawn.map_shows:,} photos"
    else:
        which = f"{drawn.map_shows:,} of {facts['photos']:,} photos, drawn by lot,"
    caption = (
        f"{which} by the first two of {facts['k']:,} coordinates. Names stand where the photos of a label lie, as far "
        "as there is room; resting the pointer on a photo tells its label. Two coordinates show a part of the variance "
        "only: what overlaps here may be far apart in the others."
    )
    return {"map": drawn.map, "map_caption": caption}


def _labels(facts: Mapping[str, Any]) -> dict[str, Any]:
    count, shown = facts["labels"]["count"], facts["labels"]["shown"]
    largest = max((row["photos"] for row in shown), default=0) or 1
    rows = [
        {
            **row,
            "width": round(100 * row["photos"] / largest, 1),
            "far": label_rows.distance(row) > 1,
        }
        for row in shown[:LABELS]
    ]
    share = (facts["drift"] or {}).get("explained_variance")
    caption = f"{count:,} labels, the oddest first: new photos far from the earlier ones, rejects, few photos."
    with_drift = any(row["distance"] is not None for row in rows)
    if with_drift:
        caption += (
            " Distance: from the mean of a label's earlier photos to that of its new ones; ratio: to their spread; "
            "far: more than half of it, and more than twice what chance makes of so few photos."
        )
    if share is not None:
        caption += f" The basis explains {share:.2%} of the new photos' variance."
    return {
        "labels": rows,
        "labels_caption": caption,
        "with_drift": with_drift,
        "more_labels": count - len(rows),
        "more_where": "in report.json beside this page, and those with new photos in the table of drift",
        "labels_why_not": "There is no label.",
    }


def _new_caption(facts: Mapping[str, Any], shown: Sequence[Thumbnail]) -> str:
    return f"{len(shown):,} of the {facts['featurized'] or len(shown):,} photos that this run featurized, drawn by lot."


def _stage(stage: Mapping[str, Any]) -> tuple[str, str, str, str]:
    began = at(stage["start"]) if stage.get("start") else ""
    return stage["task"], stage["state"], duration(stage["seconds"]), began.removesuffix(" UTC")


def at(time: str) -> str:
    """An ISO 8601 time as people read it, in UTC."""
    return f"{datetime.fromisoformat(time).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _versions(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from facts["versions"].items()
    if facts["model"]:
        yield "model", f"MobileNetV2, {facts['model']['weights']} weights"
        yield "model, SHA-256", facts["model"]["sha256"]
    if facts["artifacts"]:
        yield "artifact set", facts["artifacts"]


def _texts(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, bool):
            yield name, str(value).lower()
        elif isinstance(value, list | tuple):
            yield name, ", ".join(map(str, value))
        else:
            yield name, "" if value is None else str(value)


def _places(places: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, at in places.items():
        addresses: Iterable[str] = [at] if isinstance(at, str) else at
        yield from ((name, address) for address in addresses)


def _code(facts: Mapping[str, Any]) -> str:
    """Lines that read what the run published."""
    at = json.dumps(facts["locations"]["projections"])
    bucket = json.dumps(facts["locations"]["projections"].partition("/pca/run=")[0])
    return (
        f"import pandas\npandas.read_parquet({at})\n\n"
        f"spark.read.parquet({at})\n\n"
        f"import verger_reader\n"
        f"published = verger_reader.open_publication({bucket}, run={json.dumps(facts['run'])})\n"
        'published.to_pandas("features")  # path, label, etag, features\n'
        "published.pca()                  # pyarrow.Table: path, label, pca_features"
    )
