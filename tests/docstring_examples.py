"""Runs the examples in docstrings as tests."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def modules_with_examples(package: str) -> list[str]:
    """The modules with examples in a package, given as a folder below the root."""
    folder = ROOT / package
    found = (path for path in sorted(folder.rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8"))
    return [".".join(path.relative_to(folder.parent).with_suffix("").parts) for path in found]


def check(module: str) -> None:
    """Run the examples of a module. doctest prints the differences before the AssertionError."""
    result = doctest.testmod(import_module(module))
    assert result.attempted, f"{module}: no example was found in a docstring"
    assert not result.failed, f"{module}: {result.failed} of {result.attempted} examples give something else"
