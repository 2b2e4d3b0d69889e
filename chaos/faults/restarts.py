"""Processes of Airflow and servers of local AWS are restarted, and the metadata database is locked."""

from __future__ import annotations

import contextlib
import sqlite3
import time

from chaos.faults.moments import active
from chaos.harness.trial import Trial
from chaos.scenario import CLEAR, EITHER, NONE, Scenario

MOMENTS = ("cluster_ready", "featurize_done", "check_features", "pca_done", "check_projections")
LOCKED_S = 60.0


def _airflow(name: str, task: str) -> Scenario:
    def play(trial: Trial) -> None:
        active(trial, task)
        trial.stack.kill(name)
        time.sleep(3)
        trial.stack.start(name)

    # A task that starts before the API server answers again fails, and the harness has one retry after a second.
    ends, recovery = (EITHER, CLEAR) if name == "api-server" else (("success",), NONE)
    words = f"the {name} is killed and started again while {task} is active"
    return Scenario(f"restart.{name}.{task}", words, play, ends, recovery)


def _server(name: str, task: str) -> Scenario:
    def play(trial: Trial) -> None:
        active(trial, task)
        trial.stack.stop_server(name)
        time.sleep(5)
        trial.stack.start("local_aws")

    # A restart of the local EMR server ends the clusters that are not idle, so the run cannot continue on them.
    ends, recovery = (EITHER, CLEAR) if name == "emr" else (("success",), NONE)
    words = f"the {name} server is restarted while {task} is active"
    return Scenario(f"restart.{name}.{task}", words, play, ends, recovery)


def _database(trial: Trial) -> None:
    active(trial, "featurize_done")
    with contextlib.closing(sqlite3.connect(trial.stack.database, timeout=30, isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        time.sleep(LOCKED_S)
        database.execute("ROLLBACK")


SCENARIOS = (
    *(_airflow(name, task) for name in ("scheduler", "triggerer", "api-server", "dag-processor") for task in MOMENTS),
    *(_server(name, task) for name in ("s3", "emr") for task in MOMENTS),
    Scenario(
        "restart.database", f"the metadata database is locked for {LOCKED_S:.0f} s in step 1", _database, recovery=CLEAR
    ),
)
