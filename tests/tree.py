"""The files of the repository, without what git ignores."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tests.places import ROOT

IGNORED = {".git", ".verger", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", "__pycache__"}
"""Folders that are not in the repository. `.gitignore` has the same."""


def files(*suffixes: str) -> list[Path]:
    """Return all files, or those that have one of the suffixes, relative to the root."""
    return sorted(path for path in _walk() if not suffixes or path.suffix in suffixes)


def _walk() -> Iterator[Path]:
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in IGNORED]
        for name in names:
            path = Path(folder, name).relative_to(ROOT)
            if path != Path(".git"):  # a work tree of git has a file of that name
                yield path
