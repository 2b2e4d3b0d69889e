"""The bucket of the tests of the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.plugins.orchard import Orchard
from tests.plugins.report.reported_runs import EVIL, EVIL_FILE, jpeg
from verger.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def orchard(settings: Settings, client: S3Client, tmp_path: Path) -> Orchard:
    """Of photos that can be drawn, and some that cannot be read; one label and one file have evil names."""
    made = Orchard(settings, client, tmp_path)
    for number in range(5):
        made.put(f"Kiwi/{number}.jpg", jpeg(number))
        made.put(f"{EVIL}/{number}.jpg", jpeg(10 + number))
    made.put(f"Pomme é $x_1$/{EVIL_FILE}", jpeg(20))
    made.put("Kiwi/bad-1.jpg", b"bad <b>luck</b>")
    made.settings = replace(made.settings, validation=replace(made.settings.validation, max_rejects_share=0.5))
    return made
