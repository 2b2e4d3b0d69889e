"""One scheduled run: its tasks and steps in the order of the DAG, each measured as a process of its own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
from obstore.store import S3Store

from benchmarks.harness import local_stack, steps
from benchmarks.harness.dag_runs import AIRFLOW, airflow_environment
from benchmarks.harness.places import FOLDER, ROOT
from benchmarks.measuring import meter
from benchmarks.measuring.meter import Measured
from benchmarks.measuring.process_tree import DRIVER, JVM, OTHER, WORKER
from local_aws.stack import Stack
from verger_contract.keys import Run
from verger_contract.verification.verdict import VERIFY_FEATURES, VERIFY_PCA

TIMEOUT_S = 3 * 3600.0
KINDS = ("GET", "PUT", "LIST", "DELETE")
"""The S3 server counts HEAD as GET."""


@dataclass(frozen=True)
class Stage:
    """A task of Airflow, or a step of the cluster.

    Attributes
    ----------
    name : str
    is_step : bool
        A spark-submit on the cluster.
    """

    name: str
    is_step: bool = False


STAGES = (
    Stage("anything_to_do"),
    Stage("featurize", is_step=True),
    Stage(VERIFY_FEATURES, is_step=True),
    Stage("check_features"),
    Stage("pca", is_step=True),
    Stage(VERIFY_PCA, is_step=True),
    Stage("check_projections"),
    Stage("publish"),
    Stage("vacuum"),
)
"""In the order of the DAG, between the listing and the report."""


@dataclass(frozen=True)
class Place:
    """The bucket of the runs.

    Attributes
    ----------
    stack : Stack
        Local AWS, running. Its S3 server counts requests at `s3_metrics_port`.
    store : S3Store
    bucket : str
    """

    stack: Stack
    store: S3Store
    bucket: str

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables of the tasks: AWS, the settings, and where modules are."""
        modules = (ROOT, ROOT / "plugins", ROOT / "spark_jobs")
        environment = airflow_environment(FOLDER / "airflow" / self.bucket, self.bucket, self.stack.environment())
        return {**environment, "PYTHONPATH": ":".join(map(str, modules))}

    def requests(self) -> Counter[str]:
        """Return the number of requests that the S3 server has answered, by kind. POST counts as PUT."""
        port = self.stack.settings.s3_metrics_port
        text = urllib3.request("GET", f"http://127.0.0.1:{port}/metrics").data.decode()
        return counted(text)


def counted(metrics: str) -> Counter[str]:
    """Return the number of requests by kind from the metrics of the S3 server.

    >>> counted('SeaweedFS_s3_request_total{bucket="a",code="200",type="LIST"} 2')
    Counter({'LIST': 2})
    """
    found: Counter[str] = Counter()
    for line in metrics.splitlines():
        if line.startswith("SeaweedFS_s3_request_total{"):
            labels, _, value = line.rpartition(" ")
            kind = labels.rpartition('type="')[2].partition('"')[0]
            found[{"POST": "PUT", "COPY": "PUT"}.get(kind, kind)] += int(float(value))
    return found


@dataclass(frozen=True)
class ScheduledRun:
    """A scheduled run over a bucket.

    Attributes
    ----------
    place : Place
    run : str
    listing : str
        `list_images`, or `drawn_inventory` for photos that are not in the bucket.
    facts : mapping
        What `drawn_inventory` needs (see `benchmarks.scheduled.stage`).
    """

    place: Place
    run: str
    listing: str
    facts: Mapping[str, Any]

    @property
    def state(self) -> Path:
        """The file with the results of the tasks so far."""
        return FOLDER / "scheduled" / f"{self.place.bucket}-{self.run}.json"

    def rows(self) -> Iterator[dict[str, Any]]:
        """Run the tasks one after the other, and yield the figures of each."""
        self.state.parent.mkdir(parents=True, exist_ok=True)
        self.state.write_text(json.dumps({"run": self.run, **self.facts}))
        if self.listing == "list_images":
            yield self._measured(Stage(self.listing))
        else:
            self._run(Stage(self.listing))
        for stage in STAGES:
            yield self._measured(stage)
            if stage.name == "anything_to_do":
                self._run(Stage("stage_artifacts"))

    def _measured(self, stage: Stage) -> dict[str, Any]:
        before = self.place.requests()
        measured = self._run(stage)
        return row(stage, measured, self._own(stage), self.place.requests() - before)

    def _run(self, stage: Stage) -> Measured:
        command = self._step(stage.name) if stage.is_step else self._task(stage.name)
        log = FOLDER / "logs" / f"{self.place.bucket}-{self.run}-{stage.name}.log"
        return meter.run(command.argv, command.environment, cwd=FOLDER, log=log, timeout=TIMEOUT_S)

    def _task(self, name: str) -> steps.Command:
        argv = [str(AIRFLOW.with_name("python")), "-m", "benchmarks.scheduled.stage", name, str(self.state)]
        return steps.Command(argv, self.place.variables)

    def _step(self, name: str) -> steps.Command:
        """Return the command that EMR gets, for this machine."""
        script, *arguments = json.loads(self.state.read_text())["steps"][name]
        return steps.spark_submit(self.place.stack.environment(), script, *arguments)

    def _own(self, stage: Stage) -> float:
        """Return the seconds of a task without the start of its process, or of a step without the starts of Spark."""
        if not stage.is_step:
            return float(json.loads(self.state.read_text())["seconds"][stage.name])
        metrics = json.loads(local_stack.read(self.place.store, Run("", self.run).metrics(stage.name)))
        return float(metrics["seconds"]["total"] - metrics["seconds"]["startup"])


def row(stage: Stage, measured: Measured, own: float, requests: Mapping[str, int]) -> dict[str, Any]:
    """Return the figures of a stage: seconds, CPU seconds, MB (10⁶ bytes), requests."""
    peaks = measured.peak_by_role
    return {
        "task": stage.name,
        "s": round(measured.seconds, 2),
        "own_s": round(own, 2),
        "cpu_s": round(measured.cpu_seconds, 2),
        "task_mb": 0 if stage.is_step else round(max(peaks.get(OTHER, 0.0), peaks.get(DRIVER, 0.0))),
        "jvm_mb": round(peaks.get(JVM, 0.0)),
        "driver_mb": round(peaks.get(DRIVER, 0.0)) if stage.is_step else 0,
        "worker_mb": round(peaks.get(WORKER, 0.0)),
        **{kind: requests.get(kind, 0) for kind in KINDS},
    }
