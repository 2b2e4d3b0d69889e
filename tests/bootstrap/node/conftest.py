from __future__ import annotations

import pytest

from development import node_system


@pytest.fixture(scope="session", autouse=True)
def _machine() -> None:
    if reason := node_system.reason_against():
        pytest.skip(reason)
