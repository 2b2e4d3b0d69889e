"""The report: the facts of the run, and nothing that a file name could smuggle in."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.plugins.snapshots import put_data
from tests.plugins.validation.written_run import plan as written_plan
from verger import report
from verger.paths import Run
from verger.plan import Plan
from verger.publication import FeatureRun, Snapshot
from verger.publish import PublicationError, publish
from verger.s3 import read_json, write_json
from verger.snapshot import snapshot
from verger.validation.check import ValidationError

FEATURIZE = {
    "photos": 120,
    "rejected": 99,
    "rejects": {"not an image <script>alert(1)</script>": 2},
    "photos_per_second": 104.5,
    "seconds": {"total": 12.5},
}
# The jobs' own numbers are others than those that were counted: none of them is published.
PCA = {
    "basis": {"action": "refitted", "reason": "no basis is published yet"},
    "photos": 999,
    "k": 99,
    "target_variance": 0.1,
    "explained_variance": 0.99,
    "seconds": {"total": 5},
}
STAGED = {"weights": "imagenet", "model_sha256": "ab" * 32, "sha256": "cd" * 32}
STAGES: list[dict[str, Any]] = [
    {"task_id": "list_images", "state": "success", "duration": 1.26},
    {"task_id": "report", "state": "running", "duration": None},
]
CHECK = {"name": "no path twice", "passed": True, "expected": "every path once", "found": "every path once"}
VALIDATION = {
    "features": [CHECK | {"detail": "<b>", "counted": {"photos": 118, "rejected": 2}}],
    "pca": [
        CHECK | {"detail": "", "counted": {"photos": 118}},
        CHECK | {"detail": "", "counted": {"k": 17, "explained_variance": 0.9012, "target_variance": 0.9}},
    ],
}


NIGHT = written_plan()
NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)


class Tables(HTMLParser):
    """Text of every cell, and every tag."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] in ("td", "h1"):
            self.cells.append(data)


@pytest.fixture
def run(client: Any, bucket: str) -> Run:
    run = Run(bucket, "run-1")
    write_json(client, bucket, run.plan, {"why": "120 new"})
    write_json(client, bucket, run.metrics("featurize"), FEATURIZE)
    write_json(client, bucket, run.metrics("pca"), PCA)
    write_json(client, bucket, run.validation, VALIDATION)
    return run


def facts(client: Any, run: Run, **staged: str) -> dict[str, Any]:
    """Of the run, published."""
    put_data(client, run.bucket, made(client, run, **staged))
    publish(client, run, made(client, run, **staged), None)
    return report.facts(client, run, STAGES)


def made(client: Any, run: Run, plan: Plan = NIGHT, **staged: str) -> Snapshot:
    checks = read_json(client, run.bucket, run.validation)
    return snapshot(run, plan, staged=STAGED | staged, checks=checks, metrics=PCA, now=NOW)


def test_the_facts_and_the_page_agree(client: Any, run: Run) -> None:
    what = facts(client, run)
    report.write(client, run, what)
    assert read_json(client, run.bucket, run.report_facts) == json.loads(json.dumps(what))
    assert (what["photos"], what["rejected"], what["k"]) == (118, 2, 17)
    assert what["stages"] == [{"stage": "list_images", "state": "success", "seconds": 1.3}]
    assert what["places"]["projections"] == f"s3://{run.bucket}/pca/run=run-1/"

    answer = client.get_object(Bucket=run.bucket, Key=run.report)
    assert answer["ContentType"] == "text/html; charset=utf-8"
    cells = Tables(answer["Body"].read().decode()).cells
    places = {**what["places"], "features": f"s3://{run.bucket}/features/run=run-1/"}
    for cell in ("118", "17", "90.1200% (target 90.00%)", "3 of 3", "no path twice", "120 new", *places.values()):
        assert cell in cells
    assert "FITTED ANEW: no basis is published yet" in cells


def test_drift_is_shown_label_by_label(client: Any, run: Run) -> None:
    row = {"label": "Kiwi", "photos": 100, "new": 7, "distance": 1.23456, "spread": 2.0, "ratio": 0.61728}
    fresh = {"label": "Yuzu", "photos": 0, "new": 1, "distance": None, "spread": None, "ratio": None}
    drift = {"new": 8, "explained_variance": 0.8734, "labels": [row, fresh]}
    what = facts(client, run) | {"drift": drift}
    page = report.page(what)
    assert "the basis explains 87.34% of the new photos" in page
    assert {"Kiwi", "1.235", "0.617", "Yuzu"} <= set(Tables(page).cells)


def test_what_users_named_is_escaped(client: Any, run: Run) -> None:
    parsed = Tables(report.page(facts(client, run)))
    assert "script" not in parsed.tags
    assert "b" not in parsed.tags
    assert "not an image <script>alert(1)</script>" in parsed.cells


@pytest.mark.parametrize(("weights", "marked"), [("random", True), ("imagenet", False)])
def test_random_weights_are_marked(weights: str, marked: bool, client: Any, run: Run) -> None:
    assert ("vectors mean nothing" in report.page(facts(client, run, weights=weights))) == marked


def test_a_run_that_is_not_published_has_no_report(client: Any, run: Run) -> None:
    with pytest.raises(PublicationError, match=r"expected run run-1 among the publications that are kept"):
        report.facts(client, run, STAGES)


def test_the_snapshot_names_the_run_and_what_was_counted(client: Any, run: Run) -> None:
    published = made(client, run)
    assert published.features == (FeatureRun(run="run-1", rows=118, live=118),)
    assert (published.run, published.pca, published.basis) == ("run-1", "run-1", "run-1")
    counted = {name: getattr(published, name) for name in ("photos", "rejected", "k", "explained_variance")}
    assert counted == {"photos": 118, "rejected": 2, "k": 17, "explained_variance": 0.9012}
    assert published.model == {"weights": "imagenet", "sha256": "ab" * 32}


def test_the_snapshot_names_what_was_kept_and_what_was_rewritten(client: Any, run: Run) -> None:
    old = FeatureRun(run="old", rows=50, live=40, dead_since="2026-11-20T00:00:00+00:00")
    small = tuple(FeatureRun(run=f"small-{number}", rows=9, live=number) for number in (3, 4))
    night = dataclasses.replace(NIGHT, keep=(old,), compact=small, into="run-1-compacted", basis="old")
    checks = read_json(client, run.bucket, run.validation)
    kept = {**PCA, "basis": {"action": "kept", "reason": "it explains enough"}}
    published = snapshot(run, night, staged=STAGED, checks=checks, metrics=kept, now=NOW)
    assert published.features == (
        old,
        FeatureRun(run="run-1-compacted", rows=7, live=7),
        FeatureRun(run="run-1", rows=118, live=118),
    )
    assert (published.basis, published.basis_reason) == ("old", "it explains enough")


def test_nothing_is_published_that_was_not_counted(client: Any, run: Run) -> None:
    write_json(client, run.bucket, run.validation, {"features": VALIDATION["features"]})
    with pytest.raises(ValidationError, match=rf"^s3://{run.bucket}/{run.validation}: expected .* counted 'photos'"):
        made(client, run)
