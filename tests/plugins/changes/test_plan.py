"""What a run does, and the reasons."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.plugins.snapshots import snapshot
from verger.changes.compare import PhotoChange, Tally
from verger.changes.full_refresh import FeatureIdentity, FullRefresh
from verger.changes.params import PlanError, RunParams
from verger.changes.plan import Plan, decide
from verger.changes.run_base import RunBase
from verger.publication.model import FeatureRun, Snapshot
from verger.settings import Settings
from verger_contract.keys import Run
from verger_contract.plan import StepPlan

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
RUN = Run("orchard", "this-run")
SETTINGS = Settings.from_environment({"VERGER_BUCKET": "orchard"})
AUTO = RunParams(basis="auto", target_variance=0.9)
BASE = snapshot("base", features=(FeatureRun(run="base", rows=100, current_rows=100),), photos=100)


def tally(current_rows: int = 100, **photos: int) -> Tally:
    counts = Counter({PhotoChange[name.upper()]: count for name, count in photos.items()})
    counts[PhotoChange.UNCHANGED] = current_rows
    return Tally(counts, Counter({"base": current_rows}))


def decided(
    found: Tally,
    published: Snapshot | None = BASE,
    params: RunParams = AUTO,
    settings: Settings = SETTINGS,
    **base: Any,
) -> Plan:
    defaults: dict[str, Any] = {
        "full_refresh": FullRefresh(),
        "etag": '"e"',
        "identity": FeatureIdentity("ab" * 32, "2-exact"),
        "retry_all_rejects": False,
    }
    return decide(RUN, found, RunBase(published=published, **defaults | base), params, settings, now=NOW)


def test_nothing_new_is_nothing_to_do() -> None:
    plan = decided(tally())
    assert (plan.work, plan.why) == (False, "nothing new, changed or deleted among 100 photos")


@pytest.mark.parametrize(
    ("photos", "why"),
    [
        ({"new": 7}, "7 new"),
        ({"changed": 1200}, "1,200 changed"),
        ({"deleted": 5, "current_rows": 95}, "5 deleted"),
        ({"retry": 2}, "2 rejected for a temporary reason"),
        ({"new": 7, "changed": 3, "deleted": 5, "current_rows": 92}, "7 new, 3 changed, 5 deleted"),
    ],
)
def test_photos_are_work(photos: dict[str, int], why: str) -> None:
    plan = decided(tally(**photos))
    assert (plan.work, plan.why) == (True, why)


def test_old_rejects_alone_are_work_only_by_request() -> None:
    assert not decided(tally(opportunistic_retry=3)).work
    plan = decided(tally(opportunistic_retry=3), params=replace(AUTO, retry_rejects=True))
    assert (plan.work, plan.why) == (True, "3 rejects to retry")


@pytest.mark.parametrize(
    ("params", "published", "why"),
    [
        (RunParams(basis="auto", target_variance=0.95), BASE, "target variance 0.95 instead of 0.9"),
        (RunParams(basis="auto", target_variance=0.9), replace(BASE, explained_variance=0.8901), None),
        (
            RunParams(basis="refit", target_variance=0.9),
            replace(BASE, basis="older"),
            "a basis that is fitted to the current photos",
        ),
        (RunParams(basis="refit", target_variance=0.8), BASE, "target variance 0.8 instead of 0.9"),
        # Already the case, or the basis is reused by request.
        (RunParams(basis="auto", target_variance=0.8), BASE, "target variance 0.8 instead of 0.9"),
        (RunParams(basis="reuse", target_variance=0.8), BASE, None),
        (RunParams(basis="refit", target_variance=0.9), BASE, None),
        (RunParams(basis="reuse", target_variance=0.95), BASE, None),
        (
            RunParams(basis="auto", target_variance=0.9),
            replace(BASE, explained_variance=0.6),
            "published basis explains 0.6",
        ),
    ],
)
def test_projections_that_are_out_of_date_are_work(params: RunParams, published: Snapshot, why: str | None) -> None:
    plan = decided(tally(), published, params)
    assert plan.work == (why is not None)
    assert (why or "nothing new") in plan.why


def test_overdue_deleted_rows_are_work() -> None:
    old = FeatureRun(run="base", rows=101, current_rows=100, deletes_since="2026-11-01T02:00:00+00:00")
    plan = decided(tally(), replace(BASE, features=(old,)))
    assert plan.work
    assert plan.why == "rows of photos that were deleted or changed long ago (tables: 1)"
    assert (plan.keep, [run.run for run in plan.compact], plan.into) == ((), ["base"], "this-run-compacted")


def test_the_first_deleted_row_is_dated_and_a_run_without_current_rows_is_dropped() -> None:
    runs = (*BASE.features, FeatureRun(run="without current rows", rows=3, current_rows=3))
    plan = decided(tally(current_rows=98, deleted=5), replace(BASE, features=runs))
    assert plan.keep == (FeatureRun(run="base", rows=100, current_rows=98, deletes_since=NOW.isoformat()),)
    assert plan.compact == ()
    assert plan.features_of(RUN) == ["base", "this-run"]


def test_another_model_keeps_no_features_and_no_basis() -> None:
    plan = decided(tally(), full_refresh=FullRefresh("the model changed", other_features=True))
    assert (plan.work, plan.why, plan.full_refresh) == (True, "the model changed", True)
    assert (plan.keep, plan.compact, plan.basis, plan.basis_reason) == ((), (), None, "the model changed")


def test_photos_without_variance_are_no_reason_for_a_new_basis() -> None:
    assert not decided(tally(), replace(BASE, explained_variance=None)).work


def test_the_target_is_compared_with_that_of_the_basis() -> None:
    """A basis that an earlier run kept for a lower target is still the basis of the usual target."""
    lowered = replace(BASE, target_variance=0.8)
    assert not decided(tally(), lowered).work
    assert decided(tally(new=1), lowered).basis == "base"
    assert decided(tally(new=1), lowered).basis_target == 0.9


def test_another_target_needs_a_new_basis() -> None:
    """A run with a target by mistake, such as 1, is followed by one that publishes the target of the settings."""
    for target in (0.95, 0.8):
        plan = decided(tally(new=1), params=replace(AUTO, target_variance=target))
        assert (plan.basis, plan.basis_reason) == (None, f"the target was changed from 0.9 to {target:g}")
        assert plan.basis_target == target
    everything = replace(BASE, basis_target=1.0, target_variance=1.0, explained_variance=1.0)
    assert decided(tally(), everything).why == "target variance 0.9 instead of 1"
    assert decided(tally(new=1), params=RunParams(basis="reuse", target_variance=0.95)).basis == "base"


def test_a_full_refresh_with_equal_features_may_keep_the_basis() -> None:
    assert decided(tally(), full_refresh=FullRefresh("a full refresh was requested")).basis == "base"


def test_step_1_gets_the_decoding_of_the_settings() -> None:
    plan = decided(tally(new=1))
    assert (plan.decoding, str(plan.identity)) == ("exact", "model abababababab, preprocessing 2-exact")


@pytest.mark.parametrize(
    ("published", "how", "message"),
    [
        (None, {}, "no basis is published yet"),
        (snapshot(None), {}, "no basis is published yet"),
        (BASE, {"full_refresh": FullRefresh("the model changed", other_features=True)}, "the model changed"),
    ],
)
def test_reuse_without_a_basis_is_an_error(published: Any, how: Any, message: str) -> None:
    params = RunParams(basis="reuse", target_variance=0.9)
    with pytest.raises(PlanError, match=rf"^basis=reuse: no basis can be reused: {message}; start the run with"):
        decided(tally(new=3), published, params, **how)


def test_more_than_half_of_the_photos_may_only_be_missing_by_request() -> None:
    assert decided(tally(current_rows=50, deleted=50)).work
    with pytest.raises(PlanError, match=r"^51 of the 100 published photos .* at most 50% .*with accept_deletions"):
        decided(tally(current_rows=49, deleted=51))
    assert decided(tally(current_rows=49, deleted=51), params=replace(AUTO, accept_deletions=True)).work


def test_a_plan_is_the_same_after_an_xcom() -> None:
    plan = decided(tally(current_rows=98, new=1, deleted=2))
    assert Plan.of(json.loads(json.dumps(asdict(plan)))) == plan


def test_the_plan_of_the_steps_has_uris() -> None:
    old = FeatureRun(run="old", rows=10, current_rows=2)
    found = tally(current_rows=98, new=1, deleted=2)
    found.current_rows["old"] = 2
    document = decided(found, replace(BASE, features=(*BASE.features, old))).for_step(RUN).document()
    assert document["features"] == {
        "keep": ["s3://orchard/features/run=base/"],
        "compact": ["s3://orchard/features/run=old/"],
        "into": "s3://orchard/features/run=this-run-compacted~{attempt}/",
        "new": "s3://orchard/features/run=this-run/",
        "lost": [],
    }
    assert document["deletes"] == "s3://orchard/runs/this-run/deletes.parquet"
    assert document["compacted_deletes"] == "s3://orchard/runs/this-run/compacted_deletes.parquet"
    assert document["basis"] == {
        "policy": "auto",
        "published": "s3://orchard/models/pca/run=base/",
        "reason": "",
        "tolerance": 0.01,
    }


WAITING = Settings.from_environment({"VERGER_BUCKET": "orchard", "VERGER_WAIT_FOR_PHOTOS": "500"})
RECENT = replace(BASE, published_at="2026-11-23T22:00:00+00:00")


def test_few_new_photos_wait_when_a_setting_says_so() -> None:
    plan = decided(tally(new=12, retry=2, opportunistic_retry=9), RECENT, settings=WAITING)
    assert (plan.work, plan.waiting) == (False, True)
    assert plan.why.startswith("waits for more photos: 14 of 500 (VERGER_WAIT_FOR_PHOTOS), at most until 2026-11-24 ")
    assert "minutes and about" in plan.why
    step = plan.for_step(RUN)
    assert (step.work, step.waiting) == (False, True)
    assert StepPlan.parse(json.loads(json.dumps(step.document()))) == step


@pytest.mark.parametrize(
    ("photos", "params", "base"),
    [
        ({"new": 500}, AUTO, {}),
        ({"new": 12, "changed": 1}, AUTO, {}),
        ({"new": 12, "deleted": 1}, AUTO, {}),
        ({"new": 12, "lost": 1}, AUTO, {}),
        ({"new": 12}, replace(AUTO, launch_now=True), {}),
        ({"new": 12}, replace(AUTO, retry_rejects=True), {}),
        ({"new": 12}, replace(AUTO, basis="refit"), {}),
        ({"new": 12}, replace(AUTO, full_refresh=True), {"full_refresh": FullRefresh("requested")}),
    ],
)
def test_other_work_does_not_wait(photos: dict[str, int], params: RunParams, base: dict[str, Any]) -> None:
    plan = decided(tally(**photos), replace(RECENT, basis="earlier"), params, WAITING, **base)
    assert (plan.work, plan.waiting) == (True, False)


def test_no_run_waits_by_default_or_long_after_the_last_publication() -> None:
    assert decided(tally(new=1), RECENT).work
    late = replace(RECENT, published_at="2026-11-23T01:00:00+00:00")
    assert decided(tally(new=1), late, settings=WAITING).work
    assert decided(tally(new=1), None, settings=WAITING).work


def test_the_cluster_is_planned_for_the_photos_and_bytes_of_step_1() -> None:
    found = tally(new=7, changed=3, deleted=5)
    found.bytes.update({PhotoChange.NEW: 700, PhotoChange.CHANGED: 30, PhotoChange.UNCHANGED: 10_000})
    planned = decided(found).cluster
    assert (planned.photos, planned.bytes, planned.listed) == (10, 730, 110)
    refreshed = decided(found, full_refresh=FullRefresh("requested")).cluster
    assert (refreshed.photos, refreshed.bytes, refreshed.listed) == (110, 10_730, 110)
