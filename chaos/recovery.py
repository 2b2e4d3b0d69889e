"""The recoveries that the documentation names, done as a user does them."""

from __future__ import annotations

import time
from dataclasses import dataclass

from chaos.harness.trial import Trial
from chaos.scenario import CLEAR, JANITOR, NEW_RUN, NONE, Scenario

JANITOR_DAG, OUTCOME = "emr_janitor", "outcome"


@dataclass(frozen=True)
class Recovered:
    """What was done, and what is wrong afterwards."""

    by: str
    wrong: list[str]


def nothing() -> Recovered:
    """Return the recovery of a run that came to a good end by itself."""
    return Recovered("itself", [])


def sweep(trial: Trial) -> None:
    """Run the janitor, as its schedule does."""
    run = trial.airflow.trigger(f"janitor-{time.time():.0f}", JANITOR_DAG)
    trial.airflow.wait(run, trial.stack.run_s, JANITOR_DAG)


def recover(scenario: Scenario, trial: Trial, failed: list[str]) -> Recovered:
    """Do what the documentation says; return whether it worked."""
    if scenario.correct:
        scenario.correct(trial)
    failed = [task for task in failed if task != OUTCOME]  # it fails because of an earlier task
    if scenario.recovery == NONE:
        return Recovered(NONE, ["the run did not come to a good end by itself"])
    if scenario.recovery in (NEW_RUN, JANITOR) or not failed:
        # A run that was stopped by hand has no failed task: the documentation says to start a new run.
        run, by = trial.new_run(), f"{scenario.recovery}, {NEW_RUN}" if scenario.recovery == JANITOR else NEW_RUN
    else:
        task = failed[0] if scenario.recovery == CLEAR else scenario.recovery
        run, by = trial.run, f"clear {task}"
        trial.airflow.clear(run, task)
    state = trial.airflow.wait(run, trial.stack.run_s)
    return Recovered(by, [] if state == "success" else [f"{by}: the run is {state}"])
