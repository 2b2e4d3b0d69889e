"""What is no photo: one rule for the bucket that the DAG lists and for a folder that is listed by hand."""

from __future__ import annotations

import pytest

from verger.changes.inventory import is_ignored as ignored_in_a_bucket
from verger_spark.layout import is_ignored as ignored_in_a_folder

NAMES = {
    "1.jpg": False,
    "no image.txt": False,
    "THUMBS.jpg": False,
    ".DS_Store": True,
    "._1.jpg": True,
    "Thumbs.db": True,
    "desktop.INI": True,
    "Kiwi_$folder$": True,
}


@pytest.mark.parametrize(("name", "ignored"), NAMES.items())
def test_one_rule(name: str, ignored: bool) -> None:
    assert ignored_in_a_bucket(f"images/Kiwi/{name}") == ignored_in_a_folder(name) == ignored
