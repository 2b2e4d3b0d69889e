"""The basis as files: components are loaded bit for bit, and errors name the remedy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from verger_contract.errors import VergerError
from verger_spark.io import storage
from verger_spark.pca import basis_files
from verger_spark.pca.spectrum import Basis
from verger_verify import basis

SPARK, FACTS = "4.1.1", {"photos": 9}


def three_components() -> Basis:
    components = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 3)))[0]
    return Basis(components, np.array([0.5, 0.3, 0.1, 0.06, 0.04]))


def test_components_are_loaded_bit_for_bit(tmp_path: Path) -> None:
    saved = three_components()
    basis_files.save(saved, tmp_path.as_uri(), SPARK, FACTS)
    np.testing.assert_array_equal(basis_files.load(tmp_path.as_uri(), 5), saved.components)
    spectrum = json.loads((tmp_path / "spectrum.json").read_text())
    assert spectrum == {**FACTS, "k": 3, "explained_variance_ratio": [0.5, 0.3, 0.1, 0.06, 0.04]}


def test_files_of_an_earlier_attempt_are_deleted(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "part-00000-of-another-try.parquet").write_bytes(b"old")
    basis_files.save(three_components(), tmp_path.as_uri(), SPARK, FACTS)
    names = ["_SUCCESS", "_files.json", "part-00000.parquet"]
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == names


def test_a_file_that_is_added_to_a_basis_is_not_read(tmp_path: Path) -> None:
    saved = three_components()
    basis_files.save(saved, tmp_path.as_uri(), SPARK, FACTS)
    (tmp_path / "data" / "part-00000-copy.parquet").write_bytes(b"the first file by name")
    np.testing.assert_array_equal(basis_files.load(tmp_path.as_uri(), 5), saved.components)
    checked = basis.read(f"file://{tmp_path}")
    np.testing.assert_array_equal(checked.components, saved.components)


def test_a_matrix_stored_by_rows(tmp_path: Path) -> None:
    basis_files.save(three_components(), tmp_path.as_uri(), SPARK, FACTS)
    rows = three_components().components
    matrix = {"type": 1, "numRows": 5, "numCols": 3, "values": rows.ravel().tolist(), "isTransposed": True}
    pq.write_table(pa.Table.from_pylist([{"pc": matrix}]), tmp_path / "data" / "part-00000.parquet")
    np.testing.assert_array_equal(basis_files.load(tmp_path.as_uri(), 5), rows)


def test_no_basis(tmp_path: Path) -> None:
    with pytest.raises(VergerError, match=r"expected the published basis, found none .*start a new run of the DAG"):
        basis_files.load(tmp_path.as_uri(), 5)


def test_a_basis_for_features_of_another_width(tmp_path: Path) -> None:
    basis_files.save(three_components(), tmp_path.as_uri(), SPARK, FACTS)
    with pytest.raises(VergerError, match="expected a basis of 1280 features, found 5; start a new run of the DAG"):
        basis_files.load(tmp_path.as_uri(), 1280)


def flipped(content: bytes) -> bytes:
    """Flip one byte of the header of the first page."""
    return content[:7] + bytes([content[7] ^ 0xFF]) + content[8:]


@pytest.mark.parametrize("damage", [lambda _: b"", lambda content: content[:90], flipped], ids=["empty", "cut", "bad"])
def test_a_damaged_basis(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    basis_files.save(three_components(), tmp_path.as_uri(), SPARK, FACTS)
    file = tmp_path / "data" / "part-00000.parquet"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(VergerError, match=r"data: expected the matrix of a PCAModel, found .*start a new run"):
        basis_files.load(tmp_path.as_uri(), 5)


def test_a_basis_whose_file_is_missing(tmp_path: Path) -> None:
    basis_files.save(three_components(), tmp_path.as_uri(), SPARK, FACTS)
    (tmp_path / "data" / "part-00000.parquet").unlink()
    with pytest.raises(VergerError, match=r"data: expected the matrix of a PCAModel, found .*start a new run"):
        basis_files.load(tmp_path.as_uri(), 5)


def test_an_incomplete_basis_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = storage.write

    def interrupted(uri: str, content: bytes) -> None:
        if uri.endswith("metadata/_SUCCESS"):
            raise OSError("S3 is unavailable")
        write(uri, content)

    monkeypatch.setattr(storage, "write", interrupted)
    with pytest.raises(OSError, match="S3 is unavailable"):
        basis_files.save(three_components(), tmp_path.as_uri(), SPARK, FACTS)
    with pytest.raises(VergerError, match="expected the published basis, found none"):
        basis_files.load(tmp_path.as_uri(), 5)


@pytest.mark.parametrize("table", [{"path": ["images/Kiwi/1.jpg"]}, {"pc": ["text"]}, {"pc": [{"numRows": 5}]}])
def test_a_table_of_something_else(tmp_path: Path, table: dict[str, list[Any]]) -> None:
    basis_files.save(three_components(), tmp_path.as_uri(), SPARK, FACTS)
    pq.write_table(pa.table(table), tmp_path / "data" / "part-00000.parquet")
    with pytest.raises(VergerError, match="expected the matrix of a PCAModel"):
        basis_files.load(tmp_path.as_uri(), 5)
