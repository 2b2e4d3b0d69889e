"""The DAG on three nodes of YARN, of which one is lost: in step 1, in step 2, or between them."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from obstore.store import S3Store

from benchmarks.harness import local_stack, tables
from benchmarks.harness.places import README
from benchmarks.on_yarn.observer import active_cluster
from benchmarks.on_yarn.trial import Trial, application, coordinates, difference, empty, metrics, trial
from local_aws.cluster.model import Cluster, Instance, StepState
from local_aws.cluster.store import Store
from local_aws.yarn import node_manager
from local_aws.yarn.interrupt import interrupt
from sample_photos.albums import Album
from verger_contract.keys import RUNS

EXECUTOR, MASTER, PRIMARY = "an executor's node", "the application master's node", "the primary node"
STEP_1, BETWEEN, STEP_2 = "featurize", "between the steps", "pca"
SETTINGS = {
    # YARN may run the application master on any worker. With one core node, its loss would end the cluster.
    "VERGER_CORE_ON_DEMAND": "2",
    "VERGER_TASK_SPOT": "1",
    # Small splits: the progress of step 1 grows when a split ends.
    "VERGER_PHOTOS_PER_TASK": "32",
}
POLL_S = 0.1
Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A loss.

    Attributes
    ----------
    step : str
        STEP_1, BETWEEN or STEP_2.
    node : str
        EXECUTOR, MASTER or PRIMARY.
    share : float, optional
        Of step 1 the share of the photos that are done, of step 2 the share of the seconds that it takes without a
        loss.
    """

    step: str
    node: str
    share: float | None = None


CASES = (
    Case(STEP_1, MASTER, 0.2),
    Case(STEP_1, EXECUTOR, 0.8),
    Case(BETWEEN, EXECUTOR),
    Case(STEP_2, MASTER, 0.2),
    Case(STEP_2, EXECUTOR, 0.8),
    Case(STEP_1, PRIMARY, 0.2),
    Case(STEP_1, EXECUTOR, 0.2),
    Case(STEP_1, MASTER, 0.8),
    Case(STEP_2, EXECUTOR, 0.2),
    Case(STEP_2, MASTER, 0.8),
    Case(BETWEEN, PRIMARY),
    Case(STEP_2, PRIMARY, 0.2),
)


def losses(album: Album, cases: Sequence[Case] = CASES, page: Path = README) -> list[Row]:
    """Run the DAG without a loss, then once for each case, and write the table after each run.

    Returns
    -------
    list of dict
        The rows of the table.
    """
    rows: list[Row] = []
    with trial(album, "yarn", SETTINGS) as made:
        whole_seconds, _ = made.run()
        expected = coordinates(made.store)
        seconds = metrics(made.store, "pca")["seconds"]
        rows.append(_row(None, made, whole_seconds, "published", "0.0e+00"))
        for case in cases:
            with Loss(case, made, seconds["total"] - seconds["startup"]) as loss:
                rows.append(outcome(case, made, expected))
            if loss.lost is None:
                raise SystemExit(f"{case}: the run ended before a node was lost")
            tables.write("yarn_losses", rows, page)
    return rows


def outcome(case: Case, made: Trial, expected: Any) -> Row:
    """Run the DAG during a loss and return the row of its table."""
    empty(made.store)
    started = time.monotonic()
    try:
        run = made.airflow.run()
    except SystemExit:
        return _row(case, made, time.monotonic() - started, f"failed: {failure(made.store)}", "")
    return _row(case, made, run.seconds, "published", f"{difference(expected, coordinates(made.store)):.1e}")


def failure(store: S3Store) -> str:
    """Return the error of the only run of the bucket, from its failure.json."""
    found = local_stack.keys(store, RUNS, "failure.json")
    if not found:
        return "without failure.json"
    facts = json.loads(local_stack.read(store, found[0]))
    return f"{facts['failure']['task']}: {facts['failure']['error'].splitlines()[0]}"


def _row(case: Case | None, made: Trial, seconds: float, end: str, largest: str) -> Row:
    row: Row = {
        "lost": case.node if case else "nothing",
        "in": case.step if case else "",
        "at": f"{100 * case.share:.0f} %" if case and case.share else "",
        "run": end,
        "s": f"{seconds:.0f}",
    }
    ended = end == "published"
    stage = application(made.store, "featurize").stages[0] if ended else None
    step_2 = application(made.store, "pca").stages.values() if ended else ()
    return row | {
        "splits of step 1": stage.tasks if stage else "",
        "repeated after a loss": stage.lost if stage else "",
        "finished twice": stage.finished_twice if stage else "",
        "tasks of step 2": sum(found.tasks for found in step_2) if ended else "",
        "repeated": sum(found.lost for found in step_2) if ended else "",
        "largest difference": largest,
    }


class Loss:
    """A thread that ends an instance of the active cluster when the moment of a case has come.

    Attributes
    ----------
    lost : str or None
        The id of the instance.
    """

    def __init__(self, case: Case, made: Trial, step_2_seconds: float) -> None:
        self.lost: str | None = None
        self._case = case
        self._made = made
        self._step_2_seconds = step_2_seconds
        self._store = Store(made.stack.settings.state / "emr")
        self._before = active_cluster(self._store)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="loss", daemon=True)

    def __enter__(self) -> Loss:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        moments: dict[str, Callable[[Cluster], bool]] = {
            STEP_1: self._photos_are_done,
            BETWEEN: lambda cluster: [step.state for step in cluster.steps] == [StepState.COMPLETED],
            STEP_2: self._seconds_have_passed,
        }
        has_come = moments[self._case.step]
        while not self._ended.wait(POLL_S):
            cluster = active_cluster(self._store)
            if cluster is not None and has_come(cluster):
                instance = self._instance(cluster)
                interrupt(self._made.stack.settings, instance.ec2_id)
                self.lost = instance.ec2_id
                return

    def _progress(self, step: str) -> dict[str, Any] | None:
        """Return the progress of a step, None when the step has written none."""
        for key in local_stack.keys(self._made.store, RUNS, "progress.json"):
            with contextlib.suppress(FileNotFoundError):
                found: dict[str, Any] = json.loads(local_stack.read(self._made.store, key))
                return found if found["step"] == step else None
        return None

    def _photos_are_done(self, cluster: Cluster) -> bool:
        progress = self._progress(STEP_1)
        return progress is not None and progress["done"] >= (self._case.share or 0) * progress["total"]

    def _seconds_have_passed(self, cluster: Cluster) -> bool:
        if self._progress(STEP_2) is None:
            return False
        time.sleep((self._case.share or 0) * self._step_2_seconds)
        return True

    def _instance(self, cluster: Cluster) -> Instance:
        if self._case.node == PRIMARY:
            return cluster.primary_instance
        workers = [instance for group in cluster.workers for instance in group.running]
        containers = [(one, worker) for worker in workers for one in node_manager.containers(worker.private_ip)]
        masters = {worker.ec2_id for one, worker in containers if one.is_application_master}
        of_master = self._case.node == MASTER
        return next(worker for worker in workers if (worker.ec2_id in masters) == of_master)
