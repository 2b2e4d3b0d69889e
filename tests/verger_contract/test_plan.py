"""plan.json is written and parsed by one class."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from verger_contract.plan import BasisPolicy, BasisRequest, StepPlan, least_explained_variance

AT = "s3://bucket/features/run="
PLAN = StepPlan(
    run="C",
    work=True,
    why="7 new photos",
    photos={"listed": 707, "new": 7},
    keep=(f"{AT}A/",),
    compact=(f"{AT}B/",),
    into=f"{AT}C-compacted/",
    new=f"{AT}C/",
    deletes="s3://bucket/runs/C/deletes.parquet",
    compacted_deletes="s3://bucket/runs/C/compacted_deletes.parquet",
    basis=BasisRequest(policy=BasisPolicy.AUTO, published="s3://bucket/models/pca/run=A/", tolerance=0.01),
)
WITHOUT_COMPACTION = replace(PLAN, compact=(), into=None)


@pytest.mark.parametrize("plan", [PLAN, WITHOUT_COMPACTION], ids=["compaction", "no compaction"])
def test_a_written_plan_is_parsed_back(plan: StepPlan) -> None:
    assert StepPlan.parse(json.loads(json.dumps(plan.document()))) == plan


def test_current_rows_are_in_the_kept_the_compacted_and_the_new_run() -> None:
    assert PLAN.runs == (f"{AT}A/", f"{AT}C-compacted/", f"{AT}C/")
    assert WITHOUT_COMPACTION.runs == (f"{AT}A/", f"{AT}C/")


def test_a_compaction_needs_a_run_to_write_to() -> None:
    with pytest.raises(ValueError, match=r"but features\.into is None"):
        replace(PLAN, into=None)


def test_refit_has_no_candidate() -> None:
    assert PLAN.basis.candidate == PLAN.basis.published
    assert replace(PLAN.basis, policy=BasisPolicy.REFIT).candidate is None


def test_the_least_explained_variance_is_the_target_less_the_tolerance() -> None:
    assert least_explained_variance(0.9, 0.01) == pytest.approx(0.89)
