"""A run may be killed at any moment."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.places import ROOT


@pytest.mark.timeout(400)
def test_a_run_killed_at_any_write_harms_nothing_and_the_next_run_makes_it_good(
    bucket: str, client: Any, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.plugins.killed_runs", bucket, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    found = re.search(r"^(\d+) runs killed, (\d+) made good$", done.stdout, re.MULTILINE)
    assert found, done.stdout[-2000:]
    # began, inventory, work, dead, dropped, plan, ..., published.json, and what is removed.
    assert int(found[1]) == int(found[2]) >= 15
