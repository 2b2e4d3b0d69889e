"""The fixed costs of the stack: counted in the template, with the prices of the planning."""

from __future__ import annotations

import pytest

from benchmarks.planning.page import PAGE
from benchmarks.planning.prices import STATED
from benchmarks.planning.stack_costs import idle, items, months, stack
from tests.infra.stack import template

FIGURES = {name: figure.value for name, figure in STATED.items()}


def test_the_parts_are_those_of_the_template() -> None:
    resources = template()["Resources"].values()
    interfaces = [found for found in resources if found["Properties"].get("VpcEndpointType") == "Interface"]
    counts = {name.partition(" ")[0]: count for name, count, _ in items(FIGURES)}
    assert counts["KMS"] == 1
    assert counts["interface"] + sum("KMS" in name for name, _, _ in items(FIGURES)[1:2]) == len(interfaces)


def test_an_idle_stack_by_hand() -> None:
    assert idle(FIGURES) == pytest.approx(1 + 2 * 730 * 0.012 + 0.1 + 16 * 0.3)


def test_the_document_has_the_tables_of_today() -> None:
    text = PAGE.read_text()
    assert stack(FIGURES) in text
    assert months(FIGURES) in text
