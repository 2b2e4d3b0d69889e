"""The lock files of requirements/ are read completely."""

from __future__ import annotations

from pathlib import Path

import pytest

from dependencies import locks
from tests.places import ROOT


@pytest.mark.parametrize("environment", locks.environments())
def test_every_package_has_a_version_and_hashes(environment: str) -> None:
    text = locks.lock_file(environment).read_text()
    pins = locks.read(locks.lock_file(environment))
    assert sum(len(pin.sha256) for pin in pins) == text.count("--hash=sha256:")
    assert len(pins) == text.count("==")
    names = {pin.name for pin in pins}
    assert {parent for pin in pins for parent in pin.required_by} <= names


def test_every_environment_has_both_files() -> None:
    assert locks.environments() == sorted(path.stem for path in (ROOT / "requirements").glob("*.in"))


def test_the_packages_that_require_a_package_are_known() -> None:
    pins = {pin.name: pin for pin in locks.read(locks.lock_file("node"))}
    assert pins["flatbuffers"].required_by == ("ai-edge-litert",)
    assert set(pins["numpy"].required_by) == {"ai-edge-litert", "ml-dtypes", "pandas"}
    assert pins["obstore"].required_by == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no package in this lock file"),
        ("six>=1.17\n", r"lock.txt:1: expected <package>==<version>, found 'six>=1.17'"),
        ("six==1.17.0\n", r"six has no hash; run `make lock`"),
        ("-e .\n", r"lock.txt:1: expected <package>==<version>"),
    ],
)
def test_another_file_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "lock.txt"
    path.write_text(text)
    with pytest.raises(locks.LockError, match=message):
        locks.read(path)


def test_the_error_names_the_environments() -> None:
    with pytest.raises(locks.LockError, match=r"nodes: no such environment; requirements/ has .*node"):
        locks.lock_file("nodes")
