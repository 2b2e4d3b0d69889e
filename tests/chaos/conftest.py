from __future__ import annotations

from collections.abc import Iterator

import pytest

from chaos.campaign import Campaign
from chaos.harness.stack import chaos_stack
from development.stack import Ports
from tests.ports import free_ports


@pytest.fixture(scope="package")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    """Scenarios on one Airflow and one local AWS."""
    with chaos_stack(tmp_path_factory.mktemp("chaos"), Ports.from_first(free_ports(Ports.COUNT)), 1200.0) as stack:
        yield Campaign(stack)
