"""The commands that run the checks run the same checks."""

from __future__ import annotations

import re

from tests.places import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()


def _prerequisites(target: str) -> list[str]:
    line = re.search(rf"^{target}: (.*?) ##", MAKEFILE, re.MULTILINE)
    assert line, f"make {target}: no such target with a text for `make help`"
    return line[1].split()


def test_hooks_of_pre_commit_are_the_parts_of_make_lint() -> None:
    hooks = re.findall(r"entry: make (\S+)", (ROOT / ".pre-commit-config.yaml").read_text())
    assert sorted(hooks) == sorted(_prerequisites("lint"))


def test_hooks_need_no_network() -> None:
    config = (ROOT / ".pre-commit-config.yaml").read_text()
    assert re.findall(r"repo: (\S+)", config) == ["local"]
    assert set(re.findall(r"language: (\S+)", config)) == {"system"}


def test_continuous_integration_runs_all_checks() -> None:
    assert {"lint", "test-airflow", "test-dev"} <= {*_prerequisites("test")}
    assert re.search(r"^time make .*\btest$", (ROOT / ".ci/run").read_text(), re.MULTILINE)
