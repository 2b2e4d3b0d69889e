"""The inventory of a local folder, and its command line."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from verger_spark.features.local_inventory import write_inventory

FILES = ["1.jpg", "no image.txt", "THUMBS.jpg", ".DS_Store", "Thumbs.db"]


def test_rows_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "photos" / "Pomme \u00e9").mkdir(parents=True)
    for name in FILES:
        (tmp_path / "photos" / "Pomme \u00e9" / name).write_bytes(name.encode())
    assert write_inventory(tmp_path / "photos", tmp_path / "inventory.parquet") == 3
    rows = pq.read_table(tmp_path / "inventory.parquet").to_pylist()
    assert [row["path"] for row in rows] == [
        "Pomme \u00e9/1.jpg",
        "Pomme \u00e9/THUMBS.jpg",
        "Pomme \u00e9/no image.txt",
    ]
    assert rows[0] == {"path": "Pomme \u00e9/1.jpg", "etag": "f3ccdd27d2000e3f9255a7e3e2c48800", "size": 5}
