"""Folders and files of the repository that benchmarks read and write."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".verger"
FOLDER = STATE / "benchmarks"
"""What benchmarks write and do not commit: logs, photos, features, the state of their local AWS."""

PHOTOS = Path(os.environ.get("VERGER_TEST_PHOTOS", ROOT.parent / "shared" / "data" / "fruits-360-test.zip"))
"""The Test split of Fruits-360, a folder or zip of <label>/<photo>."""

README = ROOT / "benchmarks" / "README.md"
PROFILES = ROOT / "benchmarks" / "profiles.md"
RESULTS = ROOT / "benchmarks" / "results.json"
