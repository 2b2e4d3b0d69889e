"""The plan that step 2 is given, and the folders that it names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from verger_spark.errors import VergerError
from verger_spark.pca.current_rows import base_of, require, run_of
from verger_spark.pca.policy import Policy, Wanted
from verger_spark.plan import Plan

AT = "s3://bucket/features/run="
PLAN: dict[str, Any] = {
    "run": "C",
    "why": "7 new photos",
    "photos": {"listed": 707, "new": 7},
    "features": {"keep": [f"{AT}A/"], "compact": [f"{AT}B/"], "into": f"{AT}C-compacted/", "new": f"{AT}C/"},
    "deletes": "s3://bucket/runs/C/deletes.parquet",
    "compacted_deletes": "s3://bucket/runs/C/compacted_deletes.parquet",
    "basis": {"policy": "auto", "published": "s3://bucket/models/pca/run=A/", "reason": "", "tolerance": 0.01},
}


def test_a_plan_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(PLAN))
    plan = Plan.read((tmp_path / "plan.json").as_uri())
    assert plan.runs == (f"{AT}A/", f"{AT}C-compacted/", f"{AT}C/")
    assert (plan.compact, plan.deletes, plan.compacted_deletes) == (
        (f"{AT}B/",),
        PLAN["deletes"],
        PLAN["compacted_deletes"],
    )
    assert plan.basis == Wanted(Policy.AUTO, "s3://bucket/models/pca/run=A/", "", 0.01)
    assert plan.photos == 707


def test_without_compaction_the_new_run_comes_after_the_kept_ones() -> None:
    features = {**PLAN["features"], "compact": [], "into": None}
    assert Plan.of({**PLAN, "features": features}).runs == (f"{AT}A/", f"{AT}C/")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"basis": {**PLAN["basis"], "policy": "keep"}}, "'keep' is not a valid Policy"),
        ({"features": {"keep": []}}, "KeyError: 'compact'"),
        ({"features": {**PLAN["features"], "into": None}}, r"features.compact is .*B/'\], but features.into is None"),
    ],
    ids=["policy", "features", "compaction"],
)
def test_what_is_no_plan_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    (tmp_path / "plan.json").write_text(json.dumps({**PLAN, **change}))
    with pytest.raises(VergerError, match=f"plan.json: expected a plan .*{message}.*start a new run"):
        Plan.read((tmp_path / "plan.json").as_uri())


def test_runs_lie_side_by_side() -> None:
    assert run_of(f"{AT}2026-11-23T08-45-52.957Z/") == run_of(f"{AT}2026-11-23T08-45-52.957Z")
    assert run_of(f"{AT}007") == "007"
    assert base_of([f"{AT}A/", f"{AT}B"]) == "s3://bucket/features"
    for runs in ([f"{AT}A", "s3://bucket/elsewhere/run=B"], ["s3://bucket/features/A"]):
        with pytest.raises(VergerError, match="expected run=<id> folders side by side"):
            base_of(runs)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    run, deletes = f"{tmp_path.as_uri()}/run=A/", f"{tmp_path.as_uri()}/deletes.parquet"
    (tmp_path / "run=A").mkdir()
    with pytest.raises(VergerError, match=f"{run}: expected a feature run that was written to its end"):
        require([run], deletes)
    (tmp_path / "run=A" / "_SUCCESS").touch()
    with pytest.raises(VergerError, match=r"deletes\.parquet: expected the list of dead rows"):
        require([run], deletes)
    (tmp_path / "deletes.parquet").touch()
    require([run], deletes)
