"""Cases of the long form of a test: `FULL_CASES=1` in the environment runs them as well."""

from __future__ import annotations

import os
from typing import Any

import pytest

WITHOUT_IT = not os.environ.get("FULL_CASES")


def long_form(*values: Any) -> Any:
    """Return one case of `pytest.mark.parametrize`. It takes the way of a case that always runs."""
    return pytest.param(*values, marks=pytest.mark.skipif(WITHOUT_IT, reason="long form; set FULL_CASES=1"))
