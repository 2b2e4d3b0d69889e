from __future__ import annotations

import threading
from pathlib import Path

import pytest

from bootstrap.cache import Cache


class Maker:
    """Fills a folder and counts the calls."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, folder: Path) -> None:
        self.times += 1
        (folder / "file").write_text("made")


def test_a_folder_is_built_once_for_each_key(tmp_path: Path) -> None:
    cache, make = Cache(tmp_path), Maker()
    first = cache.folder("kind", "key", make)
    assert cache.folder("kind", "key", make) == first
    assert make.times == 1
    assert cache.folder("kind", "other", make) != first
    assert make.times == 2


def test_a_damaged_folder_is_built_again(tmp_path: Path) -> None:
    cache, make = Cache(tmp_path), Maker()
    (cache.folder("kind", "key", make) / "file").write_text("damaged")
    assert (cache.folder("kind", "key", make) / "file").read_text() == "made"


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        Cache(tmp_path).folder("kind", "key", fail)
    assert list((tmp_path / "kind").iterdir()) == []


def test_two_concurrent_builds_of_a_folder_both_succeed(tmp_path: Path) -> None:
    both_are_making = threading.Barrier(2, timeout=120)
    found: list[str] = []

    def make(folder: Path) -> None:
        both_are_making.wait()
        (folder / "file").write_text("made")

    def run() -> None:
        found.append((Cache(tmp_path).folder("kind", "key", make) / "file").read_text())

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["made", "made"]
    assert [path.name for path in (tmp_path / "kind").iterdir()] == ["key"]
