"""The process of each task is killed with SIGKILL, once and at every try."""

from __future__ import annotations

from chaos.faults.moments import TASKS
from chaos.harness.trial import MomentError, Trial
from chaos.scenario import CLEAR, EITHER, NONE, Scenario

TRIES = 7
"""More than a task has: the teardown has six."""


def _once(task: str) -> Scenario:
    def play(trial: Trial) -> None:
        trial.start()
        if not trial.kill_task(task):
            raise MomentError(f"the process of {task} was not seen")

    return Scenario(f"kill.once.{task}", f"the process of {task} is killed once", play, ("success",), NONE)


def _always(task: str) -> Scenario:
    def play(trial: Trial) -> None:
        trial.start()
        kills = 0
        while kills < TRIES and trial.kill_task(task):
            kills += 1
        trial.notes.append(f"killed {kills} times")

    return Scenario(f"kill.always.{task}", f"the process of {task} is killed at every try", play, EITHER, CLEAR)


SCENARIOS = (*map(_once, TASKS), *map(_always, TASKS))
