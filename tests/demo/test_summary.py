"""The local copy of the results at the end of the demo."""

from __future__ import annotations

from pathlib import Path

import numpy
import pyarrow.parquet
import pytest
from obstore.store import LocalStore

from demo.summary import fetch_results
from tests.written_publication import WrittenBucket, orchard


@pytest.mark.parametrize("version", [3, 4])
def test_the_local_copy_has_exactly_the_current_rows(version: int, tmp_path: Path) -> None:
    bucket = orchard(tmp_path / "bucket", WrittenBucket(tmp_path / "bucket", version=version))
    for kind in ("html", "json"):
        (bucket.folder / "runs/2026-01-02" / f"report.{kind}").write_text("{}")
    fetch_results(LocalStore(bucket.folder), tmp_path / "copy")  # type: ignore[arg-type]
    found = pyarrow.parquet.read_table(tmp_path / "copy" / "pca").sort_by("path")
    assert found.schema.names == ["path", "label", "pca_features"]
    assert found["path"].to_pylist() == sorted(bucket.current)
    vectors = [bucket.current[path]["features"].astype(float) @ bucket.components for path in sorted(bucket.current)]
    numpy.testing.assert_allclose(numpy.stack(found["pca_features"].to_pylist()), vectors)
