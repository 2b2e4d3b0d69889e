"""A user clears a task of a run that has ended: alone after a failure, or in a run that is published."""

from __future__ import annotations

from chaos.faults.moments import TASKS, active
from chaos.harness.trial import Trial
from chaos.scenario import CLEAR, EITHER, NEW_RUN, Scenario


def _alone(task: str) -> Scenario:
    def play(trial: Trial) -> None:
        active(trial, task)
        trial.mark_task(task, "failed")
        trial.airflow.wait(trial.run, trial.stack.run_s)
        trial.airflow.clear(trial.run, task, downstream=False)

    words = f"{task} is marked failed, and cleared without its downstream tasks after the end of the run"
    return Scenario(f"clear.alone.{task}", words, play, EITHER, CLEAR)


def _published(task: str) -> Scenario:
    def play(trial: Trial) -> None:
        trial.start()
        trial.airflow.wait(trial.run, trial.stack.run_s)
        trial.airflow.clear(trial.run, task)

    words = f"{task} is cleared with its downstream tasks after the run has published"
    return Scenario(f"clear.published.{task}", words, play, EITHER, NEW_RUN, after_publication=True)


SCENARIOS = (*map(_alone, TASKS), *map(_published, TASKS))
