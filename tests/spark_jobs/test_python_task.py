"""After a task, no finder is left that would read a zip file before the next task."""

from __future__ import annotations

import importlib
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from verger_spark.python_task import python_task


@pytest.fixture
def zipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A zip of two modules, first on the path."""
    path = tmp_path / "orchard_modules.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("orchard_apple.py", "KIND = 'apple'")
        archive.writestr("orchard_pear.py", "KIND = 'pear'")
    monkeypatch.syspath_prepend(str(path))
    return path


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Restore Arrow's memory pool after the test."""
    before = pa.default_memory_pool()
    yield
    pa.set_memory_pool(before)


def kinds(modules: Iterable[str]) -> Iterator[str]:
    for module in modules:
        yield importlib.import_module(module).KIND


def test_the_zip_is_read_again_only_for_another_import(zipped: Path) -> None:
    task = python_task(kinds)
    assert list(task(["orchard_apple"])) == ["apple"]
    assert str(zipped) not in sys.path_importer_cache
    importlib.invalidate_caches()  # as Spark does before each task
    assert str(zipped) not in sys.path_importer_cache
    assert list(task(["orchard_pear", "orchard_apple"])) == ["pear", "apple"]


def test_arrow_uses_the_allocator_of_the_system() -> None:
    def backends(_: None) -> Iterator[str]:
        yield pa.default_memory_pool().backend_name

    assert list(python_task(backends)(None)) == ["system"]


def test_a_failed_task_leaves_no_finder(zipped: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="orchard_plum"):
        list(python_task(kinds)(["orchard_apple", "orchard_plum"]))
    assert str(zipped) not in sys.path_importer_cache
