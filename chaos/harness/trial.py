"""What a scenario may do: to one DAG run, to the processes, to the bucket, and to the calls of S3 and EMR."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.error
from typing import TYPE_CHECKING, Any

import psutil

from chaos.harness.airflow import ENDED_RUN, Airflow, at_most_every, wait_for
from chaos.harness.bucket import Bucket
from chaos.harness.stack import ChaosStack
from local_aws.processes.cluster import MARKER
from verger_contract.keys import PUBLISHED

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_emr.literals import ClusterStateType

ACTIVE: list[ClusterStateType] = ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING", "TERMINATING"]
OVER = ("success", "failed", "upstream_failed", "skipped", "removed")
STARTED = ("running", "deferred", "up_for_retry", *OVER)
MOMENT_S = 300.0
"""How long a scenario waits for its moment."""


class MomentError(Exception):
    """The moment of the fault did not come, so the scenario shows nothing."""


class Trial:
    """One trial.

    Attributes
    ----------
    run : str
        Airflow's run id; empty before `start`.
    notes : list of str
        What a scenario adds to the message of its row.
    """

    def __init__(self, name: str, stack: ChaosStack, bucket: Bucket, *, first_spare: int = 0) -> None:
        self.name, self.stack, self.bucket = name, stack, bucket
        self._first_spare = first_spare
        self.run = ""
        self.notes: list[str] = []
        self._runs = 0
        self._before = set(self.clusters(every=True))

    @property
    def airflow(self) -> Airflow:
        """The client of Airflow."""
        return self.stack.airflow

    @property
    def emr(self) -> EMRClient:
        """A client of EMR, without the proxy."""
        return self.stack.aws.client("emr")

    def start(self, **conf: Any) -> None:
        """Start the run. When something is published, add a photo before, so that the run has work."""
        if self.bucket.get(PUBLISHED) is not None:
            self.bucket.put_photo(*self.spare(0))
        self.run = self.new_run(**conf)

    def spare(self, number: int) -> tuple[str, bytes]:
        """Return key and content of a photo that the bucket does not have yet."""
        return self.bucket.spare[(self._first_spare + number) % len(self.bucket.spare)]

    def new_run(self, **conf: Any) -> str:
        """Start a run and return its id, which is also legal in S3 keys."""
        self._runs += 1
        return self.airflow.trigger(f"{self.name}-{int(time.time())}-{self._runs}", conf=conf)

    def until(self, task: str, *states: str) -> str:
        """Wait until a task is in one of the states (default: it has started); return its state.

        A state that comes too fast to be seen counts, too.

        Raises
        ------
        MomentError
            The run ends before, or the moment does not come within MOMENT_S seconds.
        """
        wanted, found = {*(states or STARTED), *OVER}, ""

        run_state = at_most_every(3.0, lambda: self.airflow.state(self.run))

        def reached() -> bool:
            nonlocal found
            found = str(self.airflow.task(self.run, task).get("state"))
            return found in wanted or run_state() in ENDED_RUN

        if not wait_for(reached, MOMENT_S) or found not in wanted:
            raise MomentError(f"{task}: expected {' or '.join(sorted(wanted))}, found {found}")
        return found

    def mark_run(self, state: str) -> None:
        """Mark the run as a user does in the UI."""
        self.airflow.mark_run(self.run, state)

    def mark_task(self, task: str, state: str) -> None:
        """Mark a task as a user does in the UI. Airflow refuses the state that a task has already."""
        with contextlib.suppress(urllib.error.HTTPError):
            self.airflow.mark_task(self.run, task, state)

    def kill_task(self, task: str) -> bool:
        """Kill the process of a task with SIGKILL as soon as it runs; return whether it was seen."""
        killed = False
        instance = at_most_every(0.5, lambda: self.airflow.task(self.run, task))

        def seen() -> bool:
            nonlocal killed
            found = instance()
            for process in psutil.process_iter(["cmdline"]) if found else ():
                if " ".join(process.info["cmdline"] or ()).strip() == f"airflow worker -- {found['id']}":
                    process.kill()
                    killed = True
            return killed or found.get("state") in OVER

        wait_for(seen, MOMENT_S, 0.1)
        return killed

    def clusters(self, *, every: bool = False) -> dict[str, str]:
        """Return the states of the clusters of this trial by id: the active ones, or `every` one."""
        states = {} if every else {"ClusterStates": ACTIVE}
        pages = self.emr.get_paginator("list_clusters").paginate(**states)  # type: ignore[arg-type]
        found = {cluster["Id"]: cluster["Status"]["State"] for page in pages for cluster in page["Clusters"]}
        before: set[str] = getattr(self, "_before", set())
        return {cluster: state for cluster, state in found.items() if cluster not in before}

    def processes(self, name: str, word: str) -> list[psutil.Process]:
        """Return the processes of this trial's clusters: by the start of the name, and a word of the command line."""
        found, ids = [], set(self.clusters())
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                ours = process.name().startswith(name) and process.environ().get(MARKER) in ids
                if ours and word in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def kill_processes(self, name: str, word: str) -> None:
        """Kill processes of the cluster with SIGKILL. Raise MomentError when none appears."""
        found: list[psutil.Process] = []

        def seen() -> bool:
            found.extend(self.processes(name, word))
            return bool(found)

        if not wait_for(seen, 60, 0.5):
            raise MomentError(f"no process {name} with {word} on the cluster")
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()

    def roll_back(self, content: bytes) -> None:
        """Write an earlier published.json with a new revision, as a rollback does."""
        document = json.loads(content)
        revision = json.loads(self.bucket.get(PUBLISHED) or b"{}")["revision"]
        self.bucket.put(PUBLISHED, json.dumps(document | {"revision": revision + 1}).encode())

    def settle(self) -> None:
        """Undo what a trial may have left: rules of the proxies, clusters, active runs."""
        self.stack.s3.clear()
        self.stack.emr.clear()
        with contextlib.suppress(urllib.error.HTTPError):
            self.airflow.pause(paused=False)
            for run in self.airflow.active_runs():
                self.airflow.mark_run(run, "failed")
            wait_for(lambda: not self.airflow.active_runs(), 120, 1)  # the teardown continues
        for cluster in self.clusters():
            self.emr.terminate_job_flows(JobFlowIds=[cluster])
        wait_for(lambda: not self.clusters(), 60)
        time.sleep(1)
