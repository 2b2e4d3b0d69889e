"""The operator that submits a step to the cluster of a run."""

from __future__ import annotations

from typing import Any, cast

from airflow.providers.amazon.aws.operators.emr import EmrAddStepsOperator
from airflow.sdk import Context

from verger.emr import step_record
from verger.emr.hook import UNFINISHED_STEP, IdempotentEmrHook
from verger.emr.operators.check_run_is_unpublished import CheckRunIsUnpublished
from verger.emr.operators.cluster_ended import ClusterEndedError, ended_message
from verger.s3 import clients
from verger_contract.keys import Run


class AddStep(CheckRunIsUnpublished, EmrAddStepsOperator):
    """Submits steps and returns their ids at once. A retry reuses the steps of the earlier try.

    The cluster is the one of `create_cluster`, or an active one of the run that has replaced it. When it was lost, the
    task launches a new one.

    Parameters
    ----------
    cluster_request : dict
        The RunJobFlow request of the run.
    cluster_retries : int
        How many lost clusters of the run are replaced.
    """

    aws_hook_class = IdempotentEmrHook
    template_fields = (
        *EmrAddStepsOperator.template_fields,
        *CheckRunIsUnpublished.template_fields,
        "cluster_request",
    )
    template_ext = ()  # an argument that ends in .json is not the name of a template file

    def __init__(self, *, cluster_request: dict[str, Any], cluster_retries: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cluster_request = cluster_request
        self.cluster_retries = cluster_retries

    def execute(self, context: Context) -> list[str]:
        """Submit the steps and write their records (`verger.emr.step_record`).

        Raises
        ------
        ClusterEndedError
        AirflowFailException
            The run cannot be published (any more), or S3 denies the access.
        """
        job_flow_id = self.job_flow_id = self._active_cluster()
        ids: list[str] = super().execute(context)
        step_record.write(
            lambda: clients.client(self.storage),
            Run(self.storage.bucket, self.verger_run),
            str(self.task_id),
            job_flow_id,
            ids,
        )
        return ids

    def _active_cluster(self) -> str:
        """Return the id of the run's cluster. Launch a new one when it was lost, unless the run is published."""
        found = self._emr_hook.present_cluster(self.cluster_request, str(self.job_flow_id))
        reason = self._emr_hook.end_reason(found)
        if not reason:
            return found
        replacement = self._emr_hook.replace_lost(self.cluster_request, found, self.cluster_retries, self.check_run)
        if not replacement:
            raise ClusterEndedError(ended_message(found, str(self.task_id), reason))
        return replacement

    def on_kill(self) -> None:
        """Cancel the submitted steps."""
        names = [step["Name"] for step in self.steps if isinstance(step, dict)]
        job_flow_id = str(self.job_flow_id)
        step_ids = self._emr_hook.step_ids(job_flow_id, names, UNFINISHED_STEP)
        self._emr_hook.cancel(job_flow_id, [*step_ids.values()])

    @property
    def _emr_hook(self) -> IdempotentEmrHook:
        return cast("IdempotentEmrHook", self.hook)
