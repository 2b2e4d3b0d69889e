"""Runs the examples in docstrings: what a document shows is to be what the code does."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def modules_with_examples(package: str) -> list[str]:
    """The modules of a package, a folder below the root, in whose docstrings there are any."""
    folder = ROOT / package
    found = (path for path in sorted(folder.rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8"))
    return [".".join(path.relative_to(folder.parent).with_suffix("").parts) for path in found]


def check(module: str) -> None:
    """Raise AssertionError, after doctest has printed what differs, unless every example holds and there is one."""
    result = doctest.testmod(import_module(module))
    assert result.attempted, f"{module}: no example was found in a docstring"
    assert not result.failed, f"{module}: {result.failed} of {result.attempted} examples give something else"
