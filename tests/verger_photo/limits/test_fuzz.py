"""The short form of the fuzzing: some hundred mutated files of every kind. `make fuzz-photos` is the full form."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from tests.places import ROOT


def test_mutated_files_are_decoded_or_rejected() -> None:
    """In a process of its own, whose memory is that of the decoding alone. It ends with 1 for any other outcome."""
    command = [sys.executable, "-m", "tests.verger_photo.limits.fuzz", "--files", "600", "--seed", "12"]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    outcomes = {name: int(count) for count, name in re.findall(r"^ *(\d+)  (.+)$", done.stdout, re.MULTILINE)}
    assert outcomes["pixels"] > 30, "the mutations leave some files readable"
    assert outcomes["damaged image"] > 200
    assert sum(outcomes.values()) == 600
