from __future__ import annotations

from types import SimpleNamespace
from typing import cast
from unittest.mock import Mock

import pytest

from chaos import sequences
from chaos.campaign import Campaign
from chaos.harness.judge import Verdict
from chaos.harness.trial import MomentError
from chaos.scenario import Row, Scenario


@pytest.mark.parametrize(
    ("error", "run", "wrong"),
    [
        (OSError("connection refused"), "no result", ("first: harness: OSError: connection refused",)),
        (MomentError("pca: expected running, found failed"), "no fault", ()),
    ],
)
def test_a_fault_that_cannot_be_played_does_not_end_the_sequence(
    monkeypatch: pytest.MonkeyPatch, error: Exception, run: str, wrong: tuple[str, ...]
) -> None:
    played = Row("second", "fault", run="success")
    judge = SimpleNamespace(verdict=lambda: Mock(spec=Verdict, damage=""), lost=lambda verdict: [])
    campaign = Mock(spec=Campaign, stack=None, bucket=None, judge=judge)
    campaign.inject.side_effect = [error, (played, None, None), (played, None, None)]
    monkeypatch.setattr(sequences, "Trial", Mock())
    chosen = [cast("Scenario", SimpleNamespace(name=name, fault=name)) for name in ("first", "second")]

    row = sequences.play(campaign, "sequence.1", chosen)

    assert (row.run, row.wrong) == (f"{run}, success, success", wrong)
    assert campaign.inject.call_count == 3
