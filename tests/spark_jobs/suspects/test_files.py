"""The files of suspects of a run."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from tests.spark_jobs.suspects.drawn import centre, photos, with_photo
from tests.spark_jobs.suspects.test_search import WRONG, searched
from verger_contract.keys import REFERENCE_FILE, SUSPECTS_FILE
from verger_contract.schemas import REFERENCE, SUSPECTS
from verger_verify.suspects import files

BASIS = "A~0a1b2c3d"


def test_the_next_run_reads_what_this_run_found(tmp_path: Path) -> None:
    folder = f"{tmp_path.as_uri()}/"
    found = searched([with_photo(photos({"Banana": 30, "Kiwi": 30}), WRONG, centre("Banana"))])
    files.write(folder, found, BASIS)
    again = files.read(folder, BASIS)
    assert again
    assert again.suspects.rows == found.suspects.rows
    assert again.reference.paths == found.reference.paths


def test_the_files_have_the_columns_of_the_contract_and_say_what_was_compared(tmp_path: Path) -> None:
    files.write(f"{tmp_path.as_uri()}/", searched([photos({"Banana": 30, "Kiwi": 30})]), BASIS)
    suspects = pq.read_schema(tmp_path / SUSPECTS_FILE)
    assert suspects.equals(SUSPECTS.arrow)
    assert suspects.metadata == {b"photos": b"60", b"reference": b"60"}
    assert pq.read_schema(tmp_path / REFERENCE_FILE).equals(REFERENCE.arrow)


def test_nothing_is_read_of_another_basis_or_from_missing_or_damaged_files(tmp_path: Path) -> None:
    folder = f"{tmp_path.as_uri()}/"
    assert files.read(None, BASIS) is None
    assert files.read(folder, BASIS) is None
    files.write(folder, searched([photos({"Kiwi": 30})]), BASIS)
    assert files.read(folder, "B~0a1b2c3d") is None
    (tmp_path / SUSPECTS_FILE).write_bytes(b"PAR1")
    assert files.read(folder, BASIS) is None
