from __future__ import annotations

from pathlib import Path

import pytest

from development import node_system


@pytest.fixture(scope="session", autouse=True)
def _machine(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip all tests, with the reason, where the system of a node cannot run."""
    if reason := node_system.reason_against():
        pytest.skip(reason)
    try:
        with node_system.NodeSystem(Path(tmp_path_factory.mktemp("no-artifacts"))):
            pass
    except node_system.NodeSystemError as error:
        pytest.skip(str(error))  # a container may have no right to mount
