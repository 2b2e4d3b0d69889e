"""The facts of a report, and what a run publishes: what was counted, and nothing that a reason could smuggle in."""

from __future__ import annotations

import copy
import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.plugins.html_page import Page
from tests.plugins.snapshots import put_data
from tests.plugins.validation.written_run import plan as written_plan
from verger.changes.plan import Plan
from verger.publication.build import snapshot
from verger.publication.commit import PublicationError, publish
from verger.publication.model import FeatureRun, Snapshot
from verger.report import warnings
from verger.report.airflow_facts import stage
from verger.report.facts import Told, of_published
from verger.report.illustrations import Illustrations
from verger.report.page import page
from verger.s3 import clients
from verger.s3.clients import read_json, write_json
from verger.settings import Settings
from verger.tables.parquet import Store
from verger.tasks import Place
from verger.validation.check import ValidationError
from verger_contract.keys import Run

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
STAGES = [
    stage({"task_id": "list_images", "state": "success", "duration": 1.26}, None),
    stage({"task_id": "pca_done", "state": "success", "duration": 90.0}, "2026-11-24T03:10:00+01:00"),
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


@pytest.fixture
def run(client: Any, bucket: str) -> Run:
    run = Run(bucket, "run-1")
    write_json(client, bucket, run.plan, {"why": "120 new"})
    write_json(client, bucket, run.metrics("featurize"), FEATURIZE)
    write_json(client, bucket, run.metrics("pca"), PCA)
    write_json(client, bucket, run.validation, VALIDATION)
    return run


@pytest.fixture
def place(settings: Settings, client: Any, run: Run) -> Place:
    return Place(run, settings, client, Store(clients.filesystem(settings.storage), run.bucket))


def facts(place: Place, labels: list[dict[str, Any]] | None = None, **staged: str) -> dict[str, Any]:
    """Of the run, published."""
    put_data(place.client, place.run.bucket, made(place.client, place.run, **staged))
    publish(place.client, place.run, made(place.client, place.run, **staged), None)
    return of_published(place, Told(stages=STAGES), labels or [])


def shown(place: Place, what: dict[str, Any]) -> Page:
    return Page(page(what, Illustrations(), place.settings))


def made(client: Any, run: Run, plan: Plan = NIGHT, **staged: str) -> Snapshot:
    checks = read_json(client, run.bucket, run.validation)
    return snapshot(run, plan, staged=STAGED | staged, checks=checks, metrics=PCA, now=NOW)


def test_the_facts_and_the_page_agree(place: Place, run: Run) -> None:
    what = facts(place)
    assert (what["state"], what["photos"], what["rejected"], what["k"]) == ("published", 118, 2, 17)
    assert what["stages"] == [
        {"stage": "list_images", "state": "success", "seconds": 1.3, "start": None, "end": None},
        {
            "stage": "pca_done",
            "state": "success",
            "seconds": 90.0,
            "start": "2026-11-24T02:10:00+00:00",
            "end": "2026-11-24T02:11:30+00:00",
        },
    ]
    assert what["places"]["projections"] == f"s3://{run.bucket}/pca/run=run-1/"
    assert what["settings"]["pca"]["basis_tolerance"] == 0.01
    assert not {"service_role", "aws_conn_id"} & {name for group in what["settings"].values() for name in group}

    found = shown(place, what)
    summary = found.section("summary")
    assert "118 have vectors now, 2 could not be read" in summary
    assert "k = 17 of 1,280; they explain 90.1200% of the variance (target 90.00%)" in summary
    assert "FITTED ANEW: no basis is published yet" in summary
    assert "Also to do: 120 new." in summary
    assert "3 of 3 passed" in found.section("checks")
    cells = {*found.texts("td"), *found.texts("th")}
    places = {**what["places"], "features": f"s3://{run.bucket}/features/run=run-1/"}
    assert {"no path twice", *places.values()} <= cells


def test_drift_is_shown_label_by_label(place: Place) -> None:
    row = {
        "label": "Kiwi",
        "photos": 107,
        "new": 7,
        "rejected": 0,
        "distance": 1.23456,
        "spread": 1.0,
        "ratio": 1.23456,
    }
    fresh = {"label": "Yuzu", "photos": 1, "new": 1, "rejected": 3, "distance": None, "spread": None, "ratio": None}
    write_json(
        place.client,
        place.run.bucket,
        place.run.metrics("pca"),
        PCA | {"drift": {"new": 8, "explained_variance": 0.8734}},
    )
    what = facts(place, [row, fresh])
    found = shown(place, what)
    assert "The basis explains 87.34% of the new photos' variance" in found.section("labels").replace("’", "'")
    cells = [[" ".join(cell.itertext()) for cell in line] for line in found.all("tr")]
    assert ["Kiwi", "107", "", "7", "", "1.235", "1.000", "1.235 far"] in cells
    assert ["Yuzu", "1", "", "1", "3", "", "", ""] in cells
    assert any("New photos lie far from the earlier ones of their label: Kiwi." in each for each in what["odd"])
    assert "1 label without earlier photos: Yuzu." in what["odd"]


def test_what_is_odd_is_said_on_top(place: Place) -> None:
    near = place.settings.validation.max_rejects_share * 118 * 0.9
    skipped = {**CHECK, "name": "neighbours share labels", "found": "skipped", "detail": "12 photos", "counted": {}}
    checks = copy.deepcopy(VALIDATION)
    checks["features"].append(skipped)
    write_json(place.client, place.run.bucket, place.run.validation, checks)
    what = facts(place)
    assert "2 photos of this run could not be read (not an image <script>alert(1)</script>: 2)." in what["odd"]
    assert "The check “neighbours share labels” was skipped, for want of photos or labels." in what["odd"]
    assert not [line for line in what["odd"] if "of all photos are rejects" in line]
    assert "3 of 4 passed, 1 skipped" in shown(place, what).section("checks")
    assert "– skipped" in shown(place, what).texts("td")
    checks["features"][0]["counted"]["rejected"] = round(near) + 1
    write_json(place.client, place.run.bucket, place.run.validation, checks)
    again = of_published_again(place)
    assert [line for line in again["odd"] if "of all photos are rejects; a run fails above 5.0%" in line]


def test_a_basis_that_is_fitted_anew_is_odd_unless_it_is_the_first(place: Place) -> None:
    what = facts(place)
    assert what["basis_kept"] is False
    assert not [line for line in what["odd"] if "fitted anew" in line]
    later = {**what, "changes": {"listed": 120, "new": 7}}
    said = warnings.odd(later, [], place.settings.validation, place.settings.pca.basis_tolerance)
    assert [line for line in said if line.startswith("The basis was fitted anew, and earlier vectors do not compare: ")]
    assert "Vectors of earlier publications do not compare" in shown(place, {**later, "odd": said}).section("summary")


def of_published_again(place: Place) -> dict[str, Any]:
    """The facts after another look at the checks, which the publication repeats."""
    place.client.delete_object(Bucket=place.run.bucket, Key="published.json")
    return facts(place)


def test_what_users_named_is_escaped(place: Place) -> None:
    found = shown(place, facts(place))
    assert found.all("script") == found.all("b") == []
    assert "not an image <script>alert(1)</script>" in found.texts("th")


@pytest.mark.parametrize(("weights", "marked"), [("random", True), ("imagenet", False)])
def test_random_weights_are_marked(weights: str, marked: bool, place: Place) -> None:
    found = shown(place, facts(place, weights=weights))
    assert ("vectors mean nothing" in found.texts("h1")[0]) == marked
    assert ("vectors mean nothing" in found.section("summary")) == marked


def test_a_run_that_is_not_published_has_no_report(place: Place) -> None:
    with pytest.raises(PublicationError, match=r"expected run run-1 among the publications that are kept"):
        of_published(place, Told(), [])


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
