"""The report and the page find the same warnings in the same run, because they share thresholds and functions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.plugins.orchard import AUTO, Orchard
from verger.context import RunContext
from verger.report import write
from verger.report.facts import AirflowFacts
from verger.report.thresholds import Limits
from verger.report.warnings import figures
from verger.report.warnings import find as find_in_report
from verger.settings import Settings
from verger_contract.keys import Run
from verger_contract.report import Report
from verger_ui.views.run_facts import of_report
from verger_ui.views.warnings import find as find_on_page

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def check(name: str, passed: bool, found: str, detail: str = "") -> dict[str, Any]:
    return {"name": name, "passed": passed, "expected": "all", "found": found, "detail": detail, "counted": {}}


def label(name: str, photos: int, new: int, ratio: float | None, new_suspects: int = 0) -> dict[str, Any]:
    return {
        "label": name,
        "photos": photos,
        "new": new,
        "rejected": 0,
        "distance": ratio,
        "spread": 1.0,
        "ratio": ratio,
        "suspects": new_suspects,
        "new_suspects": new_suspects,
    }


CALM = {"photos": 100, "rejected": 0, "rejects": {}, "basis_kept": True, "checks": {}}
NEAR_REJECTS = {"photos": 951, "rejected": 49}
DELETED = {"changes": {"listed": 55, "new": 0, "deleted": 45}}
KEPT_NEAR = {"basis_kept": True, "explained_variance": 0.891, "target_variance": 0.9}
LABELS = {"count": 3, "shown": [label("Kiwi", 150, 50, 0.9), label("Yuzu", 2, 2, None), label("Fig", 150, 50, 0.1)]}
ALL_NAMED = {"count": 1, "shown": [label("Kiwi", 101, 1, 9.0, new_suspects=1)]}
SUSPECTS = {
    "compared": 1,
    "reference": 101,
    "kinds": {"label disagrees with neighbours": 1, "outlier of its label": 3, "near duplicate": 4},
    "duplicates_across_labels": 2,
}
CHECKS = {
    "features": [check("no path twice", False, "two rows"), check("share of rejects", True, "4.9%")],
    "pca": [check("neighbours share labels", True, "skipped", "too few new photos (21, needs 50)")],
}


@pytest.mark.parametrize(
    ("members", "warnings"),
    [
        ({}, 0),
        (NEAR_REJECTS, 1),
        ({"rejects": {"not an image": 2, "empty file": 1}}, 1),
        (DELETED, 1),
        (KEPT_NEAR, 1),
        (KEPT_NEAR | {"params": {"basis": "reuse"}}, 0),
        ({"basis_kept": False, "changes": {"listed": 100, "new": 7}}, 1),
        ({"labels": LABELS, "drift": {"new": 102}}, 2),
        ({"labels": ALL_NAMED, "drift": {"new": 1}}, 0),
        ({"suspects": SUSPECTS}, 2),
        ({"checks": CHECKS}, 2),
        ({"model": {"weights": "random", "sha256": ""}}, 1),
        (NEAR_REJECTS | DELETED | KEPT_NEAR | {"labels": LABELS, "checks": CHECKS, "drift": {"new": 102}}, 7),
    ],
)
def test_the_page_computes_the_warnings_of_the_report(
    members: dict[str, Any], warnings: int, settings: Settings, client: S3Client, tmp_path: Path
) -> None:
    report: Any = {**published(settings, client, tmp_path), **CALM, **members}
    in_report = find_in_report(figures(report, report["labels"]["shown"]), Limits.of(settings))
    assert len(in_report) == warnings
    assert on_page(report, settings) == in_report


def test_a_real_report_and_its_page_agree(settings: Settings, client: S3Client, tmp_path: Path) -> None:
    report = published(settings, client, tmp_path)
    assert report["warnings"] == [
        f"The check “neighbours share labels” of {table} was skipped: all photos of the sample have the same label."
        for table in ("features", "pca")
    ]
    assert on_page(report, relaxed(settings)) == report["warnings"]


def relaxed(settings: Settings) -> Settings:
    """Accept the one reject among four photos."""
    return replace(settings, validation=replace(settings.validation, max_rejects_share=0.5))


def published(settings: Settings, client: S3Client, folder: Path) -> Report:
    """Run the DAG's functions over four photos, one of them unreadable, and write the report."""
    orchard = Orchard(relaxed(settings), client, folder)
    for number in range(3):
        orchard.put(f"Kiwi/{number}.jpg", b"photo %d" % number)
    orchard.put("Yuzu/1.jpg", b"bad")
    orchard.run("one", AUTO)
    run_context = RunContext(Run(orchard.bucket, "one"), orchard.settings, client, orchard.store)
    return write.published(run_context, AirflowFacts(params={"basis": "auto"}))


def on_page(report: Report, settings: Settings) -> list[str]:
    """Return what the page finds by itself in a report without `warnings`."""
    content = json.loads(json.dumps(report))
    del content["warnings"]
    return find_on_page(of_report("one", content), [], Limits.of(settings))
