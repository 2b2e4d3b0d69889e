"""The feature runs that a plan names."""

from __future__ import annotations

from pathlib import Path

import pytest

from verger_spark.errors import VergerError
from verger_spark.pca.current_rows import base_of, require, run_of

AT = "s3://bucket/features/run="


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
