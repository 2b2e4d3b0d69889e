"""What a test needs: the environments, the built artifacts, the test photographs, and the long form of the tests."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
STATE = ROOT / ".verger"
PHOTOS = Path(os.environ.get("VERGER_TEST_PHOTOS", ROOT.parent / "shared" / "data" / "fruits-360-test.zip"))

SHORT_FORM = not os.environ.get("FULL_CASES")
"""Whether the long form is left out: `FULL_CASES=1` in the environment selects it."""
of_long_form = pytest.mark.skipif(SHORT_FORM, reason="long form; set FULL_CASES=1")


def long_form(*values: Any) -> Any:
    """Return a case of `pytest.mark.parametrize` of the long form. It takes the way of a case that always runs."""
    return pytest.param(*values, marks=of_long_form)


def environment_python(name: str) -> Path:
    """The Python of an environment of requirements/."""
    python = STATE / "venv" / name / "bin" / "python"
    if not python.exists():
        pytest.fail(f"{python.relative_to(ROOT)} is missing: run the tests by `make test`, which installs it")
    return python


def real_photos(folder: Path, every: int, limit: int) -> Path:
    """Extract every n-th photograph of Fruits-360's Test split, at most `limit`, to `folder`/images/<label>/<file>."""
    if not PHOTOS.exists():
        pytest.skip(f"needs the photographs of {PHOTOS.name} (VERGER_TEST_PHOTOS names the zip), not on this machine")
    with zipfile.ZipFile(PHOTOS) as archive:
        for name in sorted(name for name in archive.namelist() if name.endswith(".jpg"))[::every][:limit]:
            target = folder / "images" / Path(name).relative_to("Test")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(name))
    return folder
