"""Random sequences of faults on one bucket, without a recovery between them (`make chaos SEQUENCES=200 SEED=1`).

Each fault hits a run of its own, which finds what the earlier ones left. At the end one run without a fault must
publish every photo. The seed of a sequence alone decides its faults, so `SEQUENCES=1 SEED=<seed>` plays it again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

from chaos.campaign import HARNESS_ERRORS, Campaign
from chaos.catalogue import SCENARIOS
from chaos.harness.trial import MomentError, Trial
from chaos.scenario import NEW_RUN, NONE, Row, Scenario

FEWEST, MOST = 2, 4
"""Faults of a sequence."""
LEFT_OUT = ("data.published", "data.pointer", "photos.damaged", "cluster.bootstrap", "user.two-triggers")
"""Faults that need a correction by a user before the next run."""
UNDISTURBED = Scenario("no fault", "no fault", Trial.start, ("success",), NONE)


def faults(seed: int) -> list[Scenario]:
    """Return the faults of a sequence."""
    drawn = random.Random(seed)
    possible = [one for one in SCENARIOS if one.published and not one.name.startswith(LEFT_OUT)]
    return drawn.sample(possible, drawn.randint(FEWEST, MOST))


def words(chosen: Sequence[Scenario], last: Scenario = UNDISTURBED) -> str:
    """Return the faults of a sequence as the cell of its table."""
    return " + ".join(one.name for one in (*chosen, last))


def play(campaign: Campaign, name: str, chosen: Sequence[Scenario], last: Scenario = UNDISTURBED) -> Row:
    """Play faults in turn without a recovery; then the run of `last` must publish every photo. Return one row."""
    started, wrong, runs = time.monotonic(), list[str](), list[str]()
    for number, scenario in enumerate((*chosen, last)):
        trial = Trial(f"{name}-{number}", campaign.stack, campaign.bucket, first_spare=2 * number)
        row = Row(scenario.name, scenario.fault)
        try:
            row, _, _ = campaign.inject(scenario, trial, row)
            wrong += [f"{scenario.name}: {what}" for what in row.wrong]
            runs.append(row.run)
        except MomentError as error:
            # The state that an earlier fault left may end a run before the moment of the next fault.
            runs.append("no fault")
            wrong += [f"{scenario.name}: {error}"] if scenario is last else []
        except HARNESS_ERRORS as error:
            runs.append("no result")
            wrong += [f"{scenario.name}: harness: {type(error).__name__}: {error}"]
        finally:
            trial.settle()
    verdict = campaign.judge.verdict()
    lost = campaign.judge.lost(verdict)
    wrong += [f"at the end: {verdict.damage}"] if verdict.damage else []
    wrong += [f"{len(lost)} photos lost"] if lost else []
    return Row(
        name, words(chosen, last), run=", ".join(runs), lost=len(lost),
        recovered_by=NEW_RUN, wrong=tuple(wrong), seconds=time.monotonic() - started,
    )  # fmt: skip


def play_all(campaign: Campaign, count: int, first_seed: int, show: Callable[[Row], None]) -> None:
    """Play the sequences of `count` consecutive seeds, each on the state that a run without a fault published."""
    if not campaign.bucket.has_base:
        campaign.publish_base()
    for seed in range(first_seed, first_seed + count):
        campaign.bucket.restore()
        show(play(campaign, f"sequence.{seed}", faults(seed)))
