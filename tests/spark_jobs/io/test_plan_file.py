"""plan.json as step 2 reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from verger_contract.errors import VergerError
from verger_contract.plan import BasisPolicy, BasisRequest
from verger_spark.io import plan_file

AT = "s3://bucket/features/run="
PLAN: dict[str, Any] = {
    "run": "C",
    "work": True,
    "why": "7 new photos",
    "photos": {"listed": 707, "new": 7},
    "features": {"keep": [f"{AT}A/"], "compact": [f"{AT}B/"], "into": f"{AT}C-compacted/", "new": f"{AT}C/"},
    "deletes": "s3://bucket/runs/C/deletes.parquet",
    "compacted_deletes": "s3://bucket/runs/C/compacted_deletes.parquet",
    "removed": "s3://bucket/runs/C/removed.parquet",
    "statistics": "s3://bucket/runs/B/statistics~1/",
    "project": [f"{AT}A/"],
    "basis": {"policy": "auto", "published": "s3://bucket/models/pca/run=A/", "reason": "", "tolerance": 0.01},
}


def test_a_plan_is_read(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(PLAN))
    plan = plan_file.read((tmp_path / "plan.json").as_uri())
    assert plan.runs == (f"{AT}A/", f"{AT}C-compacted/", f"{AT}C/")
    assert (plan.compact, plan.deletes, plan.compacted_deletes) == (
        (f"{AT}B/",),
        PLAN["deletes"],
        PLAN["compacted_deletes"],
    )
    assert plan.projected == (f"{AT}A/", f"{AT}C-compacted/", f"{AT}C/")
    assert (plan.removed, plan.statistics) == (PLAN["removed"], PLAN["statistics"])
    published = "s3://bucket/models/pca/run=A/"
    assert plan.basis == BasisRequest(policy=BasisPolicy.AUTO, published=published, tolerance=0.01)
    assert plan.listed == 707


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"basis": {**PLAN["basis"], "policy": "keep"}}, "'keep' is not a valid BasisPolicy"),
        ({"features": {"keep": []}}, "KeyError: 'compact'"),
        ({"features": {**PLAN["features"], "into": None}}, r"features.compact is .*B/'\], but features.into is None"),
    ],
    ids=["policy", "features", "compaction"],
)
def test_another_json_object_is_an_error(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    (tmp_path / "plan.json").write_text(json.dumps({**PLAN, **change}))
    with pytest.raises(VergerError, match=f"plan.json: expected a plan .*{message}.*start a new run"):
        plan_file.read((tmp_path / "plan.json").as_uri())
