"""The summary names each reason for a run once."""

from __future__ import annotations

from typing import cast

import pytest

from verger.changes.compare import photo_reasons
from verger.report.summary import _other_work, _planned
from verger_contract.report import Report

CHANGES = {"listed": 100, "new": 5, "retry": 2, "opportunistic_retry": 3, "deleted": 0, "unchanged": 90}
REFIT = "the published basis explains 0.8800 of the variance, target 0.9"


@pytest.mark.parametrize("retry_rejects", [False, True])
def test_changes_of_photos_are_no_other_reason(retry_rejects: bool) -> None:
    why = ", ".join(photo_reasons(CHANGES, retry_rejects=retry_rejects))
    assert _other_work(cast("Report", {"changes": CHANGES, "why": why})) == ""


def test_a_reason_besides_the_photos_is_named_completely() -> None:
    why = ", ".join([*photo_reasons(CHANGES, retry_rejects=False), REFIT])
    assert _other_work(cast("Report", {"changes": CHANGES, "why": why})) == f"Other reasons for this run: {REFIT}."


PLANNED = {"workers": 28, "photos": 10_000_000, "minutes": 44.8, "cost": 3.11, "took_minutes": 51.25}


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        (
            {},
            "Planned for 28 workers: 44.8 minutes and 3.11 EUR; until the end of the verification "
            "it took 51.2 minutes.",
        ),
        ({"took_minutes": None}, "Planned for 28 workers: 44.8 minutes and 3.11 EUR."),
        ({"cost": None, "took_minutes": None}, "Planned for 28 workers: 44.8 minutes."),
        ({"minutes": None, "cost": None}, ""),
    ],
)
def test_the_plan_of_the_cluster_is_compared_with_what_it_took(changed: dict[str, None], text: str) -> None:
    assert _planned(cast("Report", {"planned": {**PLANNED, **changed}})) == text
    assert _planned(cast("Report", {"planned": None})) == ""
