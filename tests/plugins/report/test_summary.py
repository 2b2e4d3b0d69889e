"""The summary names each reason for a run once."""

from __future__ import annotations

from typing import cast

import pytest

from verger.changes.compare import photo_reasons
from verger.report.summary import _other_work
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
