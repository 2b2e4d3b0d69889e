"""What a Python worker does besides the work that Spark gives it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar
from zipimport import zipimporter

import pyarrow as pa

Taken = TypeVar("Taken")
Given = TypeVar("Given")


def python_task(work: Callable[[Taken], Iterator[Given]]) -> Callable[[Taken], Iterator[Given]]:
    """`work` as Spark is to be given it: it does the same, keeps no memory, and the next task begins at once."""
    return _PythonTask(work).__call__


@dataclass(frozen=True)
class _PythonTask(Generic[Taken, Given]):
    work: Callable[[Taken], Iterator[Given]]

    def __call__(self, taken: Taken) -> Iterator[Given]:
        # Arrow's own allocator keeps what it once had; the system's gives it back when it is told to.
        pa.set_memory_pool(pa.system_memory_pool())
        try:
            yield from self.work(taken)
        finally:
            pa.system_memory_pool().release_unused()
            forget_zips()


def forget_zips() -> None:
    """Drop Python's finders of modules in zip files; it makes them again when it wants them, from what it has read.

    Before each task Spark calls `importlib.invalidate_caches`, at which every such finder reads its zip's directory
    again, in Python. Each package in Spark's own zip has one: a tenth of a second of a core. Finders that are not there
    read nothing.
    """
    for path, finder in [*sys.path_importer_cache.items()]:
        if isinstance(finder, zipimporter):
            sys.path_importer_cache.pop(path, None)
