"""The end of a gzip file: little memory, several members, and files that are cut short."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from pathlib import Path

import pytest

from verger.emr.log_tail import CHUNK, read_tail


def test_a_long_log_takes_little_memory(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "long.gz", "wb", compresslevel=1) as file:
        for number in range(2000):
            file.write(b"%09d\n" % number * 10_000)
    with (tmp_path / "long.gz").open("rb") as packed:
        tracemalloc.start()
        end = read_tail(packed, 1000)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert end.content == b"000001999\n" * 100
    assert (end.shortened, end.complete) == (True, True)
    assert peak < 1_000_000


def test_a_truncated_file_gives_the_end_of_its_readable_part() -> None:
    content = b"".join(b"line %d\n" % number for number in range(10_000))
    packed = gzip.compress(content)
    end = read_tail(io.BytesIO(packed[: len(packed) // 2]), 1000)
    assert len(end.content) == 1000
    assert end.content in content
    assert (end.shortened, end.complete) == (True, False)


@pytest.mark.parametrize(
    ("packed", "content", "complete"),
    [
        (b"", b"", False),
        (b"no gzip at all", b"", False),
        (gzip.compress(b""), b"", True),
        (gzip.compress(b"one"), b"one", True),
        (gzip.compress(b"one")[:-1], b"one", False),
        (gzip.compress(b"one") + gzip.compress(b"two"), b"onetwo", True),
        (gzip.compress(b"one") + gzip.compress(b"two")[:-9], b"onetwo", False),
        (gzip.compress(b"one") + b"rubbish", b"one", False),
        (gzip.compress(b"x" * CHUNK), b"x" * CHUNK, True),
        (gzip.compress(b"x" * 3 * CHUNK)[:-8], b"x" * 3 * CHUNK, False),
    ],
)
def test_what_is_readable_and_whether_it_is_complete(packed: bytes, content: bytes, complete: bool) -> None:
    end = read_tail(io.BytesIO(packed))
    assert (end.content, end.complete) == (content, complete)
