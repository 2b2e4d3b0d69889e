"""A run that is killed at any moment does not damage the publication."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.places import ROOT
from tests.plugins.histories.killed_runs import STRIDE

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def test_the_run_after_a_killed_run_publishes_the_correct_data(bucket: str, client: S3Client, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.plugins.histories.killed_runs", bucket, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}:{ROOT / 'spark_jobs'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    found = re.search(r"^(\d+) runs killed, (\d+) correct publications afterwards$", done.stdout, re.MULTILINE)
    assert found, done.stdout[-2000:]
    # run.json, inventory, work, deletes, compacted_deletes, plan, claims and verdicts of the verifications, suspects,
    # published.json, and the deletions of vacuum.
    assert int(found[1]) == int(found[2]) >= max(1, 20 // STRIDE)
