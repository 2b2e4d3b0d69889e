"""The cluster, its bootstrap action, a step or one of its processes fails."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

from chaos.faults.moments import active
from chaos.harness.trial import Trial
from chaos.scenario import CLEAR, EITHER, Scenario
from development.airflow_environment import ROOT
from local_aws.faults.faults import late
from local_aws.node.folder import Node

BOOTSTRAP = ROOT / "bootstrap" / "bootstrap_emr.sh"
DISK_BYTES = 200_000
"""Room for the configuration of a step, not for what Spark copies."""
STEPS = {
    "featurize": ("featurize_done", "featurize.py"),
    "verify_features": ("check_features", "verify.py"),
    "pca": ("pca_done", "pca.py"),
    "verify_pca": ("check_projections", "verify.py"),
}
"""By step: the task that waits for it, and the file of its Python driver."""


def _killed(step: str, name: str, process: str, word: str) -> Scenario:
    def play(trial: Trial) -> None:
        active(trial, STEPS[step][0])
        trial.kill_processes(process, word)

    return Scenario(f"cluster.{name.replace(' ', '-')}.{step}", f"the {name} of {step} is killed", play, EITHER, CLEAR)


def _ended(task: str) -> Scenario:
    def play(trial: Trial) -> None:
        active(trial, task)
        trial.emr.terminate_job_flows(JobFlowIds=list(trial.clusters()))

    words = f"the cluster is terminated from outside while {task} is active"
    return Scenario(f"cluster.terminated.{task}", words, play, EITHER, CLEAR)


def _bootstrap(name: str, words: str, script: str) -> Scenario:
    """Replace the bootstrap action in the bucket, between its upload and its download by the node."""

    def play(trial: Trial) -> None:
        trial.stack.s3.inject(late(5), operation="GetObject", key="artifacts/*/bootstrap_emr.sh")
        trial.start()
        trial.until("stage_artifacts", "success")
        trial.bucket.put(_script(trial), script.encode())

    def correct(trial: Trial) -> None:
        trial.bucket.put(_script(trial), BOOTSTRAP.read_bytes())

    return Scenario(f"cluster.bootstrap.{name}", f"the bootstrap action {words}", play, ("failed",), CLEAR, correct)


def _script(trial: Trial) -> str:
    return next(key for key in trial.bucket.keys("artifacts/") if key.endswith("/bootstrap_emr.sh"))


def _disk_full(trial: Trial) -> None:
    """Give the scratch folder of the node a file system of its own, which is full at once."""
    trial.start()
    trial.until("cluster_ready", "success")
    (cluster,) = trial.clusters()
    scratch = Node(trial.stack.aws.settings, cluster).scratch
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(scratch)], check=True)
    try:
        trial.airflow.wait(trial.run, trial.stack.run_s)
    finally:
        subprocess.run(["umount", "--lazy", str(scratch)], check=True)


def _scenarios() -> tuple[Scenario, ...]:
    made: list[Scenario] = []
    add: Callable[[Scenario], None] = made.append
    for step, (_, script) in STEPS.items():
        add(_killed(step, "driver JVM", "java", "SparkSubmit"))
        add(_killed(step, "Python driver", "python", script))
    # Step 2 of so few photos starts no worker: the driver reads all of its input.
    add(_killed("featurize", "Python worker", "python", "pyspark.daemon"))
    for task in ("cluster_ready", "featurize_done", "check_features", "pca_done", "check_projections"):
        add(_ended(task))
    add(_bootstrap("fails", "exits with 1", "#!/bin/bash\necho 'no space left on device' >&2\nexit 1\n"))
    add(_bootstrap("hangs", "does not end", "#!/bin/bash\nsleep 600\n"))
    if os.geteuid() == 0:  # only root may mount
        add(Scenario("cluster.disk-full", "the scratch disk of the node is full", _disk_full, ("failed",), CLEAR))
    return tuple(made)


SCENARIOS = _scenarios()
