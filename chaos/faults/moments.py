"""The tasks of the DAG, and how a scenario waits until one of them is active."""

from __future__ import annotations

from chaos.harness.trial import Trial

BEFORE_CLUSTER = ("list_images", "anything_to_do", "stage_artifacts", "create_cluster")
WITH_CLUSTER = (
    "cluster_ready", "featurize", "featurize_done", "check_features", "pca", "pca_done", "check_projections",
)  # fmt: skip
AT_END = ("publish", "terminate_cluster", "report", "vacuum", "outcome")
TASKS = (*BEFORE_CLUSTER, *WITH_CLUSTER, *AT_END)
WAITING = (
    "cluster_ready", "featurize_done", "check_features", "pca_done", "check_projections", "terminate_cluster",
)  # fmt: skip
"""Tasks that wait in the triggerer."""


def active(trial: Trial, task: str) -> None:
    """Start the run and wait until the task is active."""
    trial.start()
    trial.until(task, "deferred" if task in WAITING else "running")
