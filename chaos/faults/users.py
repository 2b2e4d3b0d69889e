"""What users do besides marks: delete, pause, trigger twice, roll back."""

from __future__ import annotations

import time

from chaos.faults.moments import active
from chaos.harness.airflow import wait_for
from chaos.harness.stack import IDLE_TIMEOUT_S
from chaos.harness.trial import MomentError, Trial
from chaos.scenario import JANITOR, NEW_RUN, NONE, Scenario
from verger_contract.keys import PUBLISHED

DELETED_S = 60.0


def _delete_run(task: str) -> Scenario:
    def play(trial: Trial) -> None:
        active(trial, task)
        trial.mark_run("failed")
        if not wait_for(lambda: trial.airflow.delete_run(trial.run), DELETED_S):
            raise MomentError(f"Airflow has not deleted the run within {DELETED_S:.0f} s")

    words = f"the run is marked failed while {task} is active, and deleted as soon as Airflow allows it"
    return Scenario(f"user.delete-run.{task}", words, play, recovery=JANITOR)


def _delete_dag(trial: Trial) -> None:
    """Delete the DAG as soon as Airflow allows it: none of its tasks may be running."""
    active(trial, "featurize_done")
    trial.mark_run("failed")
    if not wait_for(trial.airflow.delete_dag, DELETED_S):
        raise MomentError(f"Airflow has not deleted the DAG within {DELETED_S:.0f} s")
    trial.stack.wait_until_healthy()  # Airflow adds the DAG again when it parses the file


def _pause(task: str) -> Scenario:
    def play(trial: Trial) -> None:
        active(trial, task)
        trial.airflow.pause(paused=True)
        time.sleep(15)
        trial.airflow.pause(paused=False)

    return Scenario(f"user.pause.{task}", f"the DAG is paused for 15 s while {task} is active", play, recovery=NONE)


def _pause_long(trial: Trial) -> None:
    active(trial, "featurize_done")
    trial.airflow.pause(paused=True)
    time.sleep(IDLE_TIMEOUT_S + 45)
    trial.airflow.pause(paused=False)


def _twice(trial: Trial) -> None:
    trial.start()
    second = trial.new_run()
    if trial.airflow.wait(trial.run, trial.stack.run_s) != "success":
        raise MomentError("the first of two runs failed")
    trial.run = second


def _rollback(trial: Trial) -> None:
    """Publish a first run: `published.json` of before is what the rollback writes again."""
    earlier = trial.bucket.get(PUBLISHED) or b""
    trial.start()
    trial.airflow.wait(trial.run, trial.stack.run_s)
    trial.bucket.put_photo(*trial.spare(1))
    trial.run = trial.new_run()
    trial.until("featurize_done", "deferred")
    trial.roll_back(earlier)


SCENARIOS = (
    *(_delete_run(task) for task in ("list_images", "cluster_ready", "featurize_done", "pca_done", "publish")),
    Scenario("user.delete-dag", "the run is marked failed in step 1, the DAG deleted", _delete_dag, recovery=JANITOR),
    *(_pause(task) for task in ("create_cluster", "featurize_done", "check_features", "pca_done")),
    Scenario("user.pause.long", "the DAG is paused for longer than the idle timeout during step 1", _pause_long),
    Scenario("user.two-triggers", "two runs are triggered at once", _twice, ("success",), NONE),
    Scenario("user.rollback", "published.json is rolled back during step 1", _rollback, ("failed",), NEW_RUN),
)
