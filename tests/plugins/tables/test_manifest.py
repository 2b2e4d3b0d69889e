"""A manifest of several parts is read as one table."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from pyarrow.fs import LocalFileSystem

from verger.tables import manifest
from verger.tables.parquet import Store, TableError, write_rows
from verger.tables.sorted_batches import aligned, of_rows
from verger_contract.keys import manifest_keys
from verger_contract.schemas import MANIFEST

Row = tuple[Any, ...]


def write(folder: Path, parts: list[list[Row]]) -> tuple[Store, list[str]]:
    """Write the parts, and return where they lie."""
    keys = manifest_keys("orchard", [f"run-{number}" for number in range(len(parts))])
    for key, rows in zip(keys, parts, strict=True):
        (folder / key).parent.mkdir(parents=True)
        write_rows(folder / key, MANIFEST, rows)
    return Store(LocalFileSystem(), str(folder)), keys


def random_parts(rng: random.Random) -> list[list[Row]]:
    """Return a table and its deltas, of different sizes."""
    names = [f"images/{rng.choice('aé柿')}/{number:03}.jpg" for number in range(rng.choice([0, 3, 300]))]
    parts = []
    for number in range(rng.randrange(1, 6)):
        chosen = sorted(name for name in names if rng.random() < rng.choice([0.02, 0.5, 1.0]))
        parts.append(
            [
                (name, None, None, None, None)
                if number and rng.random() < 0.3
                else (name, f"etag {number}", f"run-{number}", None, None)
                for name in chosen
            ]
        )
    return parts


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("size", [1, 7, 32_768])
def test_the_newest_row_of_a_path_counts(seed: int, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "ROWS_PER_BATCH", size)
    parts = random_parts(random.Random(seed))
    expected: dict[str, Row] = {}
    for rows in parts:
        expected |= {row[0]: row for row in rows}
    store, keys = write(tmp_path, parts)
    assert [*manifest.rows(store, keys)] == [expected[path] for path in sorted(expected) if expected[path][1]]


def test_a_part_that_is_not_in_order_is_an_error(tmp_path: Path) -> None:
    store, keys = write(tmp_path, [[(path, "e", "r", None, None) for path in ("a", "c", "b")]])
    with pytest.raises(TableError, match=r"run-0/manifest.parquet: expected unique keys in order, found 'b' after 'c'"):
        [*manifest.rows(store, keys)]


@pytest.mark.parametrize("seed", range(20))
def test_rows_with_the_same_path_are_in_the_same_pair(seed: int) -> None:
    rng = random.Random(seed)
    paths = [[f"{number:03}" for number in range(200) if rng.random() < share] for share in (0.7, 0.4)]
    batches = []
    for one in paths:
        rows = [next(of_rows([(path, "e", "r", None, None)], MANIFEST)) for path in one]
        batches.append(rows)
    found: tuple[list[str], list[str]] = ([], [])
    last = ""
    for pair in aligned(batches[0], batches[1], (MANIFEST, MANIFEST)):
        both = [part["path"].to_pylist() for part in pair]
        assert all(path > last for part in both for path in part)
        last = max(path for part in both for path in part)
        found[0].extend(both[0])
        found[1].extend(both[1])
    assert [*found] == paths
