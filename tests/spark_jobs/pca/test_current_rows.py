"""Checks of the feature runs that a plan names."""

from __future__ import annotations

from pathlib import Path

import pytest

from verger_contract.errors import VergerError
from verger_spark.io.feature_files import run_of
from verger_spark.pca.current_rows import parent_of, require_complete

AT = "s3://bucket/features/run="


def test_feature_runs_are_in_one_folder() -> None:
    assert run_of(f"{AT}2026-11-23T08-45-52.957Z/") == run_of(f"{AT}2026-11-23T08-45-52.957Z")
    assert run_of(f"{AT}007") == "007"
    assert parent_of([f"{AT}A/", f"{AT}B"]) == "s3://bucket/features"
    for runs in ([f"{AT}A", "s3://bucket/elsewhere/run=B"], ["s3://bucket/features/A"]):
        with pytest.raises(VergerError, match="expected run=<id> folders side by side"):
            parent_of(runs)


def test_errors_name_what_is_missing(tmp_path: Path) -> None:
    run, deletes = f"{tmp_path.as_uri()}/run=A/", f"{tmp_path.as_uri()}/deletes.parquet"
    (tmp_path / "run=A").mkdir()
    with pytest.raises(
        VergerError,
        match=f"{run}: expected a complete feature run.*clear it and all that follows it; if .* start a new run",
    ):
        require_complete([run], deletes)
    (tmp_path / "run=A" / "_SUCCESS").touch()
    with pytest.raises(VergerError, match=r"deletes\.parquet: expected the table of deleted rows"):
        require_complete([run], deletes)
    (tmp_path / "deletes.parquet").touch()
    require_complete([run], deletes)
