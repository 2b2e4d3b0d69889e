"""A stack of the template in moto."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.infra.stack import Stack


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The template, deployed with defaults into an empty account."""
    with mock_aws():
        yield Stack.create()
