"""The inventory of a local folder, and its command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq

from tests.spark_jobs.conftest import ARTIFACTS
from verger_contract.schemas import INVENTORY
from verger_spark.features.local_inventory import write_inventory

FILES = ["1.jpg", "no image.txt", "THUMBS.jpg", ".DS_Store", "Thumbs.db"]


def test_rows_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "photos" / "Pomme \u00e9").mkdir(parents=True)
    for name in FILES:
        (tmp_path / "photos" / "Pomme \u00e9" / name).write_bytes(name.encode())
    for folder in (".thumbnails", "Pomme \u00e9/__MACOSX"):
        (tmp_path / "photos" / folder).mkdir()
        (tmp_path / "photos" / folder / "1.jpg").write_bytes(b"1")
    assert write_inventory(tmp_path / "photos", tmp_path / "inventory.parquet") == 3
    rows = pq.read_table(tmp_path / "inventory.parquet").to_pylist()
    assert [row["path"] for row in rows] == [
        "Pomme \u00e9/1.jpg",
        "Pomme \u00e9/THUMBS.jpg",
        "Pomme \u00e9/no image.txt",
    ]
    assert rows[0] == {"path": "Pomme \u00e9/1.jpg", "etag": "f3ccdd27d2000e3f9255a7e3e2c48800", "size": 5}


def test_the_command_line_needs_only_the_zip_of_an_artifact_set(tmp_path: Path) -> None:
    (tmp_path / "photos" / "Kiwi").mkdir(parents=True)
    (tmp_path / "photos" / "Kiwi" / "1.jpg").write_bytes(b"1")
    command = [sys.executable, "-m", "verger_spark.features.local_inventory", "photos", "inventory.parquet"]
    environment = {**os.environ, "PYTHONPATH": str(ARTIFACTS / "verger_spark.zip")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("1 photos listed in inventory.parquet\n", "")
    assert pq.read_schema(tmp_path / "inventory.parquet") == INVENTORY.arrow
