"""What the verification of a run starts from."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

from tests.plugins.orchard import AUTO
from tests.plugins.snapshots import snapshot
from verger.changes.rewrites.verification import Verification
from verger.settings import Validation
from verger_contract import plan
from verger_contract.keys import Run

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def of_step(made: Verification) -> plan.Verification:
    """Return it as the steps read it, from JSON."""
    again = Verification.of(dataclasses.asdict(made))
    return again.for_step(Run("orchard", "two"), (), (), [], {})


def test_a_step_updates_the_suspects_of_the_published_attempt() -> None:
    published = snapshot("one", pca_attempt="0a1b2c3d")
    found = of_step(Verification.of_run(published, AUTO, Validation(), NOW))
    assert found.suspects == "s3://orchard/runs/one/suspects~0a1b2c3d/"
    assert found.measured == "s3://orchard/runs/one/spread.json"


def test_a_first_run_and_an_empty_publication_have_no_suspects() -> None:
    for published in (None, snapshot(None)):
        assert of_step(Verification.of_run(published, AUTO, Validation(), NOW)).suspects is None
