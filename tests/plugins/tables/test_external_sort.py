"""Sorts on disk and joins of streams, compared with Python's sort and dictionaries."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verger.tables import external_sort
from verger.tables.external_sort import increasing, merged, outer_join, spool
from verger.tables.parquet import TableError
from verger_contract.schemas import Table

KEYS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), unique=True, max_size=40)
COLUMNS = Table((("path", "string"), ("etag", "string")))


@given(KEYS, st.integers(1, 3))
def test_rows_are_sorted_by_their_bytes(
    tmp_path_factory: pytest.TempPathFactory, keys: list[str], folders: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(external_sort, "ROWS_PER_CHUNK", 5)
        patch.setattr(external_sort, "FAN_IN", 2)
        segments = []
        for part in range(folders):
            folder: Path = tmp_path_factory.mktemp("spool")
            segments += spool([(key, key.upper()) for key in keys[part::folders]], COLUMNS, folder)
        found = list(merged(segments, COLUMNS))
    assert found == [(key, key.upper()) for key in sorted(keys, key=str.encode)]


def test_segments_that_do_not_overlap_are_one_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise as many files as segments would be open at the same time."""
    monkeypatch.setattr(external_sort, "ROWS_PER_CHUNK", 2)
    segments = spool([(f"{number:03}", "") for number in range(100)], COLUMNS, tmp_path)
    streams: list[object] = []
    monkeypatch.setattr("heapq.merge", lambda *chains, key: streams.extend(chains) or iter(()))  # type: ignore[func-returns-value]
    merged(segments, COLUMNS)
    assert (len(segments), len(streams)) == (50, 1)


@given(KEYS, KEYS)
def test_the_join_equals_that_of_two_dictionaries(left: list[str], right: list[str]) -> None:
    rows = list(outer_join([(key, "l") for key in sorted(left)], [(key, "r") for key in sorted(right)]))
    assert rows == [
        ((key, "l") if key in left else None, (key, "r") if key in right else None) for key in sorted({*left, *right})
    ]


@pytest.mark.parametrize("keys", [["b", "a"], ["a", "a"], ["a", "é", "z"]])
def test_keys_that_do_not_increase_are_an_error(keys: list[str]) -> None:
    with pytest.raises(TableError, match=r"^s3://o/i.parquet: expected unique keys in order, found '.' after '.'"):
        list(increasing([(key,) for key in keys], "s3://o/i.parquet"))
