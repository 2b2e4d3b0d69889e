"""The examples in docstrings of verger_spark."""

from __future__ import annotations

import pytest

from tests.docstring_examples import check, modules_with_examples


@pytest.mark.parametrize("module", modules_with_examples("spark_jobs/verger_spark"))
def test_examples_hold(module: str) -> None:
    check(module)
