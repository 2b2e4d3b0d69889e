"""The examples in docstrings of verger_contract."""

from __future__ import annotations

import pytest

from tests.docstring_examples import check, modules_with_examples


@pytest.mark.parametrize("module", modules_with_examples("plugins/verger_contract"))
def test_examples_hold(module: str) -> None:
    check(module)
