"""The facts of a run: report.json, and the same as one self-contained page, report.html."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from verger import publish
from verger.paths import PUBLISHED, Run
from verger.publication import Snapshot
from verger.s3 import read_json, write_json

DRIFT_COLUMNS = ("label", "photos", "new", "distance", "spread", "ratio")
STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin-bottom: 2rem }
th, td { text-align: left; padding: .3rem 1.6rem .3rem 0; border-bottom: 1px solid #8884; vertical-align: top }
td.number { text-align: right; font-variant-numeric: tabular-nums }
code { font-size: .9em; overflow-wrap: anywhere }
"""


def facts(s3: Any, run: Run, stages: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What happened, from the publication, the plan, the metrics of the steps and the checks.

    `stages`: Airflow's task instances of the run, each with task_id, state and duration in seconds.
    Raises PublicationError when the run is not among the publications that are kept.
    """
    published = _snapshot(s3, run)
    featurize, pca = (read_json(s3, run.bucket, run.metrics(stage)) or {} for stage in ("featurize", "pca"))
    plan = read_json(s3, run.bucket, run.plan) or {}
    return {
        **published.facts(),
        "why": plan.get("why", ""),
        "inventory": published.changes.get("listed"),
        "rejects": featurize.get("rejects", {}),
        "featurized": featurize.get("featurized"),
        "photos_per_second": featurize.get("photos_per_second"),
        "seconds": {"featurize": featurize.get("seconds", {}), "pca": pca.get("seconds", {})},
        "stages": [
            {"stage": stage["task_id"], "state": stage["state"], "seconds": round(stage["duration"] or 0, 1)}
            for stage in stages
            if stage["state"] == "success"
        ],
        "basis_kept": published.basis != run.id,
        "drift": pca.get("drift") or {},
        "compacted": pca.get("compacted", 0),
        "checks": read_json(s3, run.bucket, run.validation) or {},
        "places": {
            "projections": run.uri(run.pca),
            "features": [run.uri(Run(run.bucket, features.run).features) for features in published.features],
            "rejects": run.uri(run.rejects),
            "basis": run.uri(Run(run.bucket, str(published.basis)).basis),
            "manifest": run.uri(run.manifest),
            "inventory": run.uri(run.inventory),
            "checks": run.uri(run.validation),
            "publication": run.uri(PUBLISHED),
            "report": run.uri(run.report),
        },
    }


def _snapshot(s3: Any, run: Run) -> Snapshot:
    now = publish.current(s3, run.bucket)
    found = next((kept for kept in now.publication.kept if kept.run == run.id), None) if now else None
    if found is None:
        raise publish.PublicationError(
            f"{run.uri(PUBLISHED)}: expected run {run.id} among the publications that are kept, found it is not; "
            "there is nothing to report"
        )
    return found


def write(s3: Any, run: Run, what: Mapping[str, Any]) -> None:
    """Put both forms into the bucket."""
    write_json(s3, run.bucket, run.report_facts, what)
    s3.put_object(Bucket=run.bucket, Key=run.report, Body=page(what).encode(), ContentType="text/html; charset=utf-8")


def page(what: Mapping[str, Any]) -> str:
    """The facts as HTML. Every value is escaped: labels and file names are the users' own."""
    model = what["model"]
    marked = "" if model["weights"] == "imagenet" else f" — {model['weights']} weights: the vectors mean nothing"
    sections = [
        _table("What happened", ("", ""), _summary(what)),
        _table("Photos since the last publication", ("", "photos"), [*what["changes"].items()]),
        _table("Rejects of this run", ("reason", "photos"), [*what["rejects"].items()] or [("none", 0)]),
        *_drift(what["drift"]),
        _table("Stages", ("task", "seconds"), [(stage["stage"], stage["seconds"]) for stage in what["stages"]]),
        _table("Checks", ("table", "check", "", "expected", "found", "detail"), _checks(what)),
        _table("Where things lie", ("what", "address"), _places(what["places"])),
        "<h2>Read it</h2><pre><code>"
        + html.escape(f"import pandas\npandas.read_parquet({json.dumps(what['places']['projections'])})")
        + "</code></pre>",
    ]
    title = html.escape(f"Verger, run {what['run']}")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{STYLE}</style></head>\n'
        f"<body><h1>{title}{html.escape(marked)}</h1>\n{chr(10).join(sections)}\n</body></html>\n"
    )


def _summary(what: Mapping[str, Any]) -> list[tuple[str, str]]:
    checks = [row for rows in what["checks"].values() for row in rows]
    explained = what["explained_variance"]
    share = "no variance" if explained is None else f"{explained:.4%}"
    model = what["model"]
    return [
        ("why", what["why"]),
        ("photos", f"{what['photos']:,}"),
        ("rejected", f"{what['rejected']:,}"),
        ("components (k)", f"{what['k']:,}"),
        ("explained variance", f"{share} (target {what['target_variance']:.2%})"),
        ("basis", f"{'kept' if what['basis_kept'] else 'FITTED ANEW'}: {what['basis_reason']}"),
        ("model", f"MobileNetV2, {model['weights']} weights, {model['sha256']}"),
        ("checks passed", f"{sum(row['passed'] for row in checks)} of {len(checks)}"),
        ("published", what["published_at"]),
    ]


def _drift(drift: Mapping[str, Any]) -> list[str]:
    """How far the new photos lie from the earlier ones; nothing for a first run."""
    if not drift.get("labels"):
        return []
    share = drift["explained_variance"]
    title = "Drift: the new photos of a label against its earlier ones"
    if share is not None:
        title += f" (the basis explains {share:.2%} of the new photos' variance)"
    rows = [
        tuple("" if row[name] is None else _rounded(row[name]) for name in DRIFT_COLUMNS) for row in drift["labels"]
    ]
    return [_table(title, DRIFT_COLUMNS, rows)]


def _rounded(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value


def _checks(what: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (table, row["name"], "passed" if row["passed"] else "FAILED", row["expected"], row["found"], row["detail"])
        for table, rows in what["checks"].items()
        for row in rows
    ]


def _places(places: Mapping[str, Any]) -> list[tuple[str, str]]:
    listed = ((name, [at] if isinstance(at, str) else at) for name, at in places.items())
    return [(name, address) for name, addresses in listed for address in addresses]


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    def cell(value: Any) -> str:
        number = ' class="number"' if isinstance(value, int | float) else ""
        return f"<td{number}>{html.escape(str(value))}</td>"

    heads = "".join(f"<th>{html.escape(name)}</th>" for name in head) if any(head) else ""
    body = "\n".join("<tr>" + "".join(map(cell, row)) + "</tr>" for row in rows)
    return f"<h2>{html.escape(title)}</h2><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
