"""report.json, and the snapshot that a run publishes: both hold what the checks counted, and escape user texts."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.plugins.html_page import Page
from tests.plugins.plans import plan as written_plan
from tests.plugins.snapshots import put_data
from verger.changes.plan import Plan
from verger.changes.rewrites.coordinates import Coordinates
from verger.cluster_plan.pace import AS_BENCHMARKS, Work
from verger.cluster_plan.plan import plan_cluster
from verger.context import RunContext
from verger.publication.commit import PublicationError, publish
from verger.publication.model import FeatureRun, PcaRun, Snapshot
from verger.report import warnings
from verger.report.airflow_facts import task_facts
from verger.report.facts import AirflowFacts, of_published
from verger.report.page import page
from verger.report.pictures.illustrations import Illustrations
from verger.report.thresholds import Limits
from verger.run_snapshot import Results, snapshot
from verger.s3 import clients
from verger.s3.clients import read_json, write_json
from verger.settings import Settings
from verger.tables.parquet import Store
from verger.validation.check import ValidationError
from verger_contract.keys import Run
from verger_contract.report import LabelRow, Report

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FEATURIZE = {
    "photos": 120,
    "rejected": 99,
    "rejects": {"not an image <script>alert(1)</script>": 2},
    "photos_per_second": 104.5,
    "seconds": {"total": 12.5},
}
# The metrics of the steps differ from what the checks counted: none of these numbers is published.
PCA = {
    "basis": {"action": "refitted", "reason": "no basis is published yet"},
    "photos": 999,
    "k": 99,
    "target_variance": 0.1,
    "explained_variance": 0.99,
    "seconds": {"total": 5},
}
STAGED = {"weights": "imagenet", "sha256": "cd" * 32}
TASKS = [
    task_facts({"task_id": "list_images", "state": "success", "duration": 1.26}, None),
    task_facts({"task_id": "check_projections", "state": "success", "duration": 90.0}, "2026-11-24T03:10:00+01:00"),
]
CHECK = {"name": "no path twice", "passed": True, "expected": "every path once", "found": "every path once"}
VALIDATION: dict[str, list[Any]] = {
    "features": [CHECK | {"detail": "<b>", "counted": {"photos": 118, "rejected": 2}}],
    "pca": [
        CHECK | {"detail": "", "counted": {"photos": 118, "rows": 118}},
        CHECK | {"detail": "", "counted": {"k": 17, "explained_variance": 0.9012, "target_variance": 0.9}},
    ],
}


PLAN = written_plan()
NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)


@pytest.fixture
def run(client: S3Client, bucket: str) -> Run:
    run = Run(bucket, "run-1")
    write_json(client, bucket, run.plan, {"why": "120 new, a new basis was requested"})
    write_json(client, bucket, run.metrics("featurize"), FEATURIZE)
    write_json(client, bucket, run.metrics("pca"), PCA)
    write_json(client, bucket, run.validation, VALIDATION)
    return run


@pytest.fixture
def run_context(settings: Settings, client: S3Client, run: Run) -> RunContext:
    return RunContext(run, settings, client, Store(clients.filesystem(client), run.bucket))


def report_of(run_context: RunContext, labels: Sequence[LabelRow] = (), weights: str = "imagenet") -> Report:
    """Publish the run and return its report."""
    client, run = run_context.client, run_context.run
    snapshot = made(client, run, staged=STAGED | {"weights": weights})
    put_data(client, run.bucket, snapshot)
    publish(client, run, snapshot, None)
    return of_published(run_context, AirflowFacts(tasks=TASKS), labels)


def shown(run_context: RunContext, what: Report) -> Page:
    return Page(page(what, Illustrations(), run_context.settings))


def made(client: S3Client, run: Run, plan: Plan = PLAN, staged: Mapping[str, str] = STAGED) -> Snapshot:
    checks = read_json(client, run.bucket, run.validation)
    return snapshot(run, plan, Results(checks, PCA, {}), staged=staged, now=NOW)


def test_the_report_and_its_page_agree(run_context: RunContext, run: Run) -> None:
    what = report_of(run_context)
    assert (what["state"], what["photos"], what["rejected"], what["k"]) == ("published", 118, 2, 17)
    assert what["tasks"] == [
        {"task": "list_images", "state": "success", "seconds": 1.3, "start": None, "end": None},
        {
            "task": "check_projections",
            "state": "success",
            "seconds": 90.0,
            "start": "2026-11-24T02:10:00+00:00",
            "end": "2026-11-24T02:11:30+00:00",
        },
    ]
    assert what["locations"]["projections"] == [f"s3://{run.bucket}/pca/run=run-1/"]
    assert what["settings"]["pca"]["basis_tolerance"] == 0.01
    assert what["planned"] is None, "an earlier Verger planned no cluster"
    assert not {"service_role", "aws_conn_id"} & {name for group in what["settings"].values() for name in group}

    found = shown(run_context, what)
    summary = found.section("summary")
    assert "118 have vectors now, 2 could not be read" in summary
    assert "k = 17 of 1,280; they explain 90.1200% of the variance (target 90.00%)" in summary
    assert "new components fitted: no basis is published yet" in summary
    assert "Other reasons for this run: a new basis was requested." in summary
    assert "3 of 3 passed" in found.section("checks")
    cells = {*found.texts("td"), *found.texts("th")}
    tables = {name: f"s3://{run.bucket}/{name}/run=run-1/" for name in ("features", "pca")}
    assert what["locations"]["features"] == [tables["features"]]
    others = (uri for uri in what["locations"].values() if isinstance(uri, str))
    assert {"no path twice", *tables.values(), *others} <= cells


def test_the_report_has_the_planned_cluster_and_the_minutes_that_it_took(run_context: RunContext, run: Run) -> None:
    work = Work(photos=120, bytes=9, listed=120)
    planned = plan_cluster(work, AS_BENCHMARKS, run_context.settings)
    run_context.write_json(run.plan, {"work": True, "why": "120 new"})
    run_context.write_json(run.cluster, planned.document())
    report_of(run_context)
    created = task_facts(
        {"task_id": "create_cluster", "state": "success", "duration": 4.0}, "2026-11-24T02:01:30+00:00"
    )
    what = of_published(run_context, AirflowFacts(tasks=[*TASKS, created]), [])
    facts = {"workers": 2, "photos": 120, "minutes": planned.minutes, "cost": planned.cost, "took_minutes": 10.0}
    assert dict(what["planned"] or {}) == facts
    text = "Planned for 2 workers: 9.3 minutes and 0.09 EUR; until the end of the verification it took 10.0 minutes."
    assert text in shown(run_context, what).section("summary")


def test_drift_is_shown_label_by_label(run_context: RunContext) -> None:
    row: LabelRow = {
        "label": "Kiwi",
        "photos": 107,
        "new": 7,
        "rejected": 0,
        "distance": 1.23456,
        "spread": 1.0,
        "ratio": 1.23456,
        "suspects": 2,
        "new_suspects": 1,
    }
    fresh: LabelRow = {
        "label": "Yuzu",
        "photos": 1,
        "new": 1,
        "rejected": 3,
        "distance": None,
        "spread": None,
        "ratio": None,
        "suspects": 0,
        "new_suspects": 0,
    }
    write_json(
        run_context.client,
        run_context.run.bucket,
        run_context.run.metrics("pca"),
        PCA | {"drift": {"new": 8, "explained_variance": 0.8734}},
    )
    what = report_of(run_context, [row, fresh])
    found = shown(run_context, what)
    assert "The basis explains 87.34% of the new photos' variance" in found.section("labels").replace("’", "'")
    cells = [[" ".join(cell.itertext()) for cell in line] for line in found.all("tr")]
    assert ["Kiwi", "107", "", "7", "", "2", "1.235", "1.000", "1.235 far"] in cells
    assert ["Yuzu", "1", "", "1", "3", "", "", "", ""] in cells
    assert any("New photos lie far from the earlier ones of their label: Kiwi." in each for each in what["warnings"])
    assert "1 label without earlier photos: Yuzu." in what["warnings"]


def test_warnings_are_at_the_top(run_context: RunContext) -> None:
    near = run_context.settings.validation.max_rejects_share * 118 * 0.9
    detail = "too few new photos (21, needs 50)"
    skipped = {**CHECK, "name": "neighbours share labels", "found": "skipped", "detail": detail, "counted": {}}
    checks = copy.deepcopy(VALIDATION)
    checks["features"].append(skipped)
    write_json(run_context.client, run_context.run.bucket, run_context.run.validation, checks)
    what = report_of(run_context)
    assert "2 photos of this run could not be read (not an image <script>alert(1)</script>: 2)." in what["warnings"]
    assert f"The check “neighbours share labels” of features was skipped: {detail}." in what["warnings"]
    assert not [line for line in what["warnings"] if "of all photos are rejects" in line]
    assert "3 of 4 passed, 1 skipped" in shown(run_context, what).section("checks")
    assert "– skipped" in shown(run_context, what).texts("td")
    checks["features"][0]["counted"]["rejected"] = round(near) + 1
    write_json(run_context.client, run_context.run.bucket, run_context.run.validation, checks)
    later = report_after_republishing(run_context)
    assert [line for line in later["warnings"] if "of all photos are rejects; a run fails above 5.0%" in line]


def test_new_components_cause_a_warning_unless_they_are_the_first(run_context: RunContext) -> None:
    what = report_of(run_context)
    assert what["basis_kept"] is False
    assert not [line for line in what["warnings"] if "New PCA components" in line]
    later: Report = {**what, "changes": {"listed": 120, "new": 7}}
    found = warnings.find(warnings.figures(later, []), Limits.of(run_context.settings))
    assert "New PCA components: older vectors are not comparable (no basis is published yet)." in found
    assert "Older vectors are not comparable with these." in shown(run_context, {**later, "warnings": found}).section(
        "summary"
    )


def report_after_republishing(run_context: RunContext) -> Report:
    """Publish the run a second time, with the present checks, and return its report."""
    run_context.client.delete_object(Bucket=run_context.run.bucket, Key="published.json")
    return report_of(run_context)


def test_texts_of_users_are_escaped(run_context: RunContext) -> None:
    found = shown(run_context, report_of(run_context))
    assert found.all("script") == found.all("b") == []
    assert "not an image <script>alert(1)</script>" in found.texts("th")


@pytest.mark.parametrize(("weights", "marked"), [("random", True), ("imagenet", False)])
def test_random_weights_are_marked(weights: str, marked: bool, run_context: RunContext) -> None:
    found = shown(run_context, report_of(run_context, weights=weights))
    assert ("vectors mean nothing" in found.texts("h1")[0]) == marked
    assert ("vectors mean nothing" in found.section("summary")) == marked


def test_a_run_that_is_not_published_has_no_report(run_context: RunContext) -> None:
    with pytest.raises(PublicationError, match=r"expected run run-1 among the kept snapshots"):
        of_published(run_context, AirflowFacts(), [])


def test_the_snapshot_names_the_run_and_what_was_counted(client: S3Client, run: Run) -> None:
    published = made(client, run)
    assert published.features == (FeatureRun(run="run-1", rows=118, current_rows=118),)
    assert published.pca == (PcaRun(run="run-1", rows=118, features=("run-1",)),)
    assert (published.run, published.basis, published.since_full_pass) == ("run-1", "run-1", 0)
    counted = {name: getattr(published, name) for name in ("photos", "rejected", "k", "explained_variance")}
    assert counted == {"photos": 118, "rejected": 2, "k": 17, "explained_variance": 0.9012}
    assert published.model == {"weights": "imagenet", "sha256": "ab" * 32, "preprocessing": "2-exact"}


def test_the_snapshot_names_kept_and_compacted_feature_runs(client: S3Client, run: Run) -> None:
    old = FeatureRun(run="old", rows=50, current_rows=40, deletes_since="2026-11-20T00:00:00+00:00")
    small = tuple(FeatureRun(run=f"small-{number}", rows=9, current_rows=number) for number in (3, 4))
    table = PcaRun(run="old", rows=50, features=("old",), stale_since="2026-11-20T00:00:00+00:00")
    coordinates = Coordinates(statistics="old~0a1b2c3d", since_full_pass=3, keep=(table,), again=())
    plan = dataclasses.replace(
        PLAN, keep=(old,), compact=small, into="run-1-compacted", basis="old", coordinates=coordinates
    )
    checks = read_json(client, run.bucket, run.validation)
    kept = {**PCA, "basis": {"action": "kept", "reason": "it explains enough"}}
    published = snapshot(run, plan, Results(checks, kept, {}), staged=STAGED, now=NOW)
    assert published.features == (
        old,
        FeatureRun(run="run-1-compacted", rows=7, current_rows=7),
        FeatureRun(run="run-1", rows=118, current_rows=118),
    )
    assert published.pca == (table, PcaRun(run="run-1", rows=118, features=("run-1-compacted", "run-1")))
    assert (published.basis, published.basis_reason, published.since_full_pass) == ("old", "it explains enough", 3)


def test_a_run_without_counts_is_not_published(client: S3Client, run: Run) -> None:
    write_json(client, run.bucket, run.validation, {"features": VALIDATION["features"]})
    with pytest.raises(
        ValidationError, match=rf"^s3://{run.bucket}/{run.validation}: expected 'rows' among the counts"
    ):
        made(client, run)
