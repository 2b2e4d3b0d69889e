"""Renders a report as one self-contained HTML page. Labels, file names and reasons come from users: all is escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from verger.emr import cost
from verger.report import drift, warnings
from verger.report.facts import PUBLISHED_STATE
from verger.report.map_script import POLICY, SCRIPT
from verger.report.pictures.charts import duration
from verger.report.pictures.illustrations import Illustrations
from verger.report.pictures.svg import clean
from verger.report.pictures.thumbnails import Thumbnail
from verger.report.summary import lines
from verger.report.suspects.table import Suspect
from verger.report.thresholds import Limits
from verger.settings import Settings
from verger.validation.check import outcome, summary
from verger_contract.keys import PUBLISHED, owner
from verger_contract.report import Report, TaskFacts, Variance
from verger_contract.schemas import SuspectKind
from verger_contract.verification.check import SKIPPED

TEMPLATES = Path(__file__).with_name("templates")
LABELS = 40
"""Labels in the table of the page. report.json has more; the drift table has all labels with new photos."""

SECTIONS = {
    "checks": "Checks",
    "variance": "Variance",
    "map": "Map",
    "labels": "Labels",
    "suspects": "Suspects",
    "rejects": "Rejects",
    "new": "New photos",
    "tasks": "Tasks",
    "cost": "Cost",
    "settings": "Settings",
    "data": "Data",
}
OUTCOMES = {
    "passed": {"result": "✓ passed", "tone": "good"},
    SKIPPED: {"result": "– skipped", "tone": "warning"},
    "failed": {"result": "✗ FAILED", "tone": "bad"},
}
OF_PUBLISHED = ("variance", "map", "labels", "suspects", "new")
SUSPECTS_NAMED = 5
"""Suspects that the summary names."""


def page(report: Report, drawn: Illustrations, settings: Settings) -> str:
    """Return the HTML page of a report and its pictures."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"clean": clean, "figure": figure}
    text = environment.get_template("page.html").render(
        facts=report, view=view(report, drawn, settings), policy=POLICY, script=SCRIPT
    )
    return text.lstrip()


def figure(value: float) -> str:
    """Return a number for a table: integers with separators, others with three decimals."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"


def view(report: Report, drawn: Illustrations, settings: Settings) -> dict[str, Any]:
    """Return the values of the template, in its order."""
    published = report["state"] == PUBLISHED_STATE
    weights = (report["model"] or {}).get("weights", "imagenet")
    return {
        "published": published,
        "marked": "" if weights == "imagenet" else f" — {weights} weights: the vectors mean nothing",
        "when": at(_time(report)),
        "sections": [row for row in SECTIONS.items() if published or row[0] not in OF_PUBLISHED],
        "lines": lines(report, _named(drawn) if published else ()),
        **_checks(report, settings),
        **(_of_published(report, drawn) if published else {}),
        "reject_counts": sorted(report["rejects"].items(), key=lambda pair: (-pair[1], pair[0])),
        "rejects": drawn.rejects,
        "timeline": drawn.timeline,
        "tasks": [_task(task) for task in report["tasks"]],
        "nodes": list(_nodes(report)),
        "cost": f"In total: {cost.in_words(report['cost'])}.",
        "versions": list(_versions(report)),
        "params": list(_texts(report["params"])),
        "settings": [(group, list(_texts(values))) for group, values in report["settings"].items()],
        "locations": list(_locations(report)),
    }


def _time(report: Report) -> str:
    """Return when the run was published, or when it failed."""
    return str(report["failure"]["at"] if report["failure"] else report["published_at"])


def _of_published(report: Report, drawn: Illustrations) -> dict[str, Any]:
    """Return the values that only a published run has."""
    return {
        **_variance(report, drawn),
        **_map(report, drawn),
        **_labels(report),
        **_suspects(report, drawn),
        "new": drawn.new,
        "new_caption": _new_caption(report, drawn.new),
        "new_why_not": "They could not be shown." if report["featurized"] else "This run had no new photos.",
        "code": _code(report),
    }


def _checks(report: Report, settings: Settings) -> dict[str, Any]:
    near = warnings.near_limits(warnings.figures(report, []), Limits.of(settings))
    rows = [
        {**row, "table": table, **OUTCOMES[outcome(row)], "near": near.get(row["name"], "")}
        for table, checks in report["checks"].items()
        for row in checks
    ]
    return {"checks": rows, "checks_summary": summary(rows)}


def _variance(report: Report, drawn: Illustrations) -> dict[str, Any]:
    variance: Variance = report["variance"] or {"current": [], "fitted": None}
    caption = f"The first {report['k']:,} components are kept: the fewest that reach the target."
    if report["basis_kept"]:
        caption = f"The basis of {owner(report['basis'] or '')} is kept, with its {report['k']:,} components."
    if variance["fitted"]:
        caption += " Dashed: the photos to which the basis was fitted, with all components."
    return {"variance": drawn.variance, "variance_caption": caption}


def _map(report: Report, drawn: Illustrations) -> dict[str, Any]:
    if drawn.map_complete:
        which = f"All {drawn.map_shows:,} photos"
    else:
        which = f"{drawn.map_shows:,} of {report['photos']:,} photos, chosen at random,"
    caption = (
        f"{which} by the first two of {report['k']:,} coordinates. Names are written where the photos of a label lie, "
        "if there is room; the tooltip of a point shows its label. Colour and shape of a "
        "label are the same in all reports. Two coordinates hold only a part of the variance: "
        "photos that overlap here may lie far apart in the other coordinates."
    )
    return {
        "map": drawn.map,
        "map_caption": caption,
        "map_labels": drawn.map_labels,
        "map_points": {one.id: one.photos for one in drawn.map_labels},
    }


def _labels(report: Report) -> dict[str, Any]:
    count, shown = report["labels"]["count"], report["labels"]["shown"]
    largest = max((row["photos"] for row in shown), default=0) or 1
    rows = [
        {**row, "width": round(100 * row["photos"] / largest, 1), "far": drift.is_far(row)} for row in shown[:LABELS]
    ]
    share = report["drift"].get("explained_variance")
    caption = f"{count:,} labels, ordered by drift, then by suspects, by rejects, and by fewest photos."
    with_drift = any(row["distance"] is not None for row in shown[:LABELS])
    if with_drift:
        caption += (
            " Distance: from the mean of a label's earlier photos to the mean of its new ones. Ratio: distance divided "
            "by spread. Far: more than half of the spread, and more than twice what chance gives to so few photos."
        )
    if share is not None:
        caption += f" The basis explains {share:.2%} of the new photos' variance."
    return {
        "labels": rows,
        "labels_caption": caption,
        "with_drift": with_drift,
        "more_labels": count - len(rows),
        "more_where": "in report.json beside this page, and in the drift table if they have new photos",
        "labels_why_not": "There is no label.",
    }


def _named(drawn: Illustrations) -> list[str]:
    """Return the paths of the suspects that warnings count."""
    shown = [row.suspect for row in drawn.suspects]
    serious = [row for row in shown if row.kind == SuspectKind.LABEL_DISAGREES or _is_copied_across(row)]
    return [f"{row.path}: {row.kind} ({row.neighbour_labels[0]})" for row in serious[:SUSPECTS_NAMED]]


def _is_copied_across(row: Suspect) -> bool:
    return row.kind == SuspectKind.NEAR_DUPLICATE and row.is_across_labels


def _suspects(report: Report, drawn: Illustrations) -> dict[str, Any]:
    facts = report["suspects"]
    if facts is None:
        return {"suspects": {}, "suspects_caption": "", "suspects_why_not": "This run has no table of suspects."}
    caption = (
        f"{facts['compared']:,} photos of this run were compared with {facts['reference']:,} current photos. Suspects "
        "of earlier runs stay until their photo is replaced, moved or deleted. All are in the table of suspects."
    )
    kinds = {kind: count for kind, count in facts["kinds"].items() if count}
    shown = {kind: [row for row in drawn.suspects if row.suspect.kind == kind] for kind in kinds}
    return {
        "suspects": {kind: (count, shown[kind]) for kind, count in kinds.items()},
        "suspects_caption": caption,
        "suspects_why_not": f"No suspects. {caption}",
    }


def _new_caption(report: Report, shown: Sequence[Thumbnail]) -> str:
    featurized = report["featurized"] or len(shown)
    return f"{len(shown):,} of the {featurized:,} photos that this run featurized, chosen at random."


def _task(task: TaskFacts) -> tuple[str, str, str, str]:
    start = at(task["start"]).removesuffix(" UTC") if task["start"] else ""
    return task["task"], task["state"], duration(task["seconds"]), start


def _nodes(report: Report) -> Iterator[tuple[str, str, int, float]]:
    for node in report["cost"]["nodes"] if report["cost"] else ():
        yield node["type"], node["market"], node["count"], node["hours"]


def at(time: str) -> str:
    """Return an ISO 8601 time in UTC, for example `2026-11-24 02:30:00 UTC`."""
    return f"{datetime.fromisoformat(time).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _versions(report: Report) -> Iterator[tuple[str, str]]:
    yield from report["versions"].items()
    if report["model"]:
        yield "model", f"MobileNetV2, {report['model']['weights']} weights"
        yield "model, SHA-256", report["model"]["sha256"]
        yield "preprocessing", report["model"]["preprocessing"]
    if report["artifacts"]:
        yield "artifact set", report["artifacts"]


def _texts(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, bool):
            yield name, str(value).lower()
        elif isinstance(value, list | tuple):
            yield name, ", ".join(map(str, value))
        else:
            yield name, "" if value is None else str(value)


def _locations(report: Report) -> Iterator[tuple[str, str]]:
    for name, location in report["locations"].items():
        uris: Iterable[str] = [location] if isinstance(location, str) else location
        yield from ((name, uri) for uri in uris)


def _code(report: Report) -> str:
    """Return code that reads what the run published."""
    bucket = str(report["locations"]["publication"]).removesuffix(f"/{PUBLISHED}")
    return (
        "import verger_reader\n"
        f"published = verger_reader.open_publication({json.dumps(bucket)}, run={json.dumps(report['run'])})\n"
        'published.to_pandas("features")   # path, label, etag, features\n'
        'published.to_spark(spark, "pca")  # path, label, pca_features\n'
        "published.pca()                   # pyarrow.Table, the same columns"
    )
