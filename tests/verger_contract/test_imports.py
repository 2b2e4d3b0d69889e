"""The contract imports only the standard library. pyarrow is imported when a schema is built."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT

PLUGINS = ROOT / "plugins"
MODULES = sorted(f"verger_contract.{path.stem}" for path in (PLUGINS / "verger_contract").glob("[!_]*.py"))

FOREIGN = """
import importlib, sys
importlib.import_module({module!r})
names = {{name.partition(".")[0] for name in sys.modules}} - sys.stdlib_module_names
print(*sorted(names - {{"__main__", "verger_contract"}}))
"""

WITHOUT_PYARROW = """
import sys
sys.modules["pyarrow"] = None  # an import of pyarrow raises ImportError
from verger_contract.schemas import FEATURES
print(FEATURES.ddl)
try:
    FEATURES.arrow
except ImportError:
    print("needs pyarrow")
"""


def run(code: str, *options: str) -> str:
    command = [sys.executable, *options, "-c", f"import sys; sys.path.insert(0, {str(PLUGINS)!r})\n{code}"]
    done = subprocess.run(command, cwd=Path("/"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_are_modules() -> None:
    assert {"verger_contract.plan", "verger_contract.schemas", "verger_contract.keys"} <= {*MODULES}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_the_standard_library(module: str) -> None:
    """Without site-packages (-S), and without any foreign module in sys.modules."""
    assert run(FOREIGN.format(module=module), "-S", "-I").split() == []


def test_only_arrow_schemas_need_pyarrow() -> None:
    ddl, needs = run(WITHOUT_PYARROW).splitlines()
    assert (ddl, needs) == ("path string, label string, etag string, features array<float>", "needs pyarrow")
