"""Modules, functions and folders stay small."""

from __future__ import annotations

import ast
from collections import Counter

from tests.places import ROOT
from tests.tree import files

LONGEST_MODULE, LONGEST_FUNCTION, MOST_MODULES = 300, 45, 12
ONE_FILE = {"verger_reader.py": 600}
"""Longest module where more is one file on purpose: consumers copy verger_reader.py alone."""


def test_no_module_is_too_long() -> None:
    lines = {str(path): len((ROOT / path).read_text().splitlines()) for path in files(".py", ".sh")}
    assert {path: count for path, count in lines.items() if count > ONE_FILE.get(path, LONGEST_MODULE)} == {}


def test_no_function_is_too_long() -> None:
    functions = {
        f"{path}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in files(".py")
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: lines for name, lines in functions.items() if lines > LONGEST_FUNCTION} == {}


def test_no_folder_has_too_many_modules() -> None:
    modules = Counter(str(path.parent) for path in files(".py") if path.name != "__init__.py")
    assert {folder: count for folder, count in modules.items() if count > MOST_MODULES} == {}
