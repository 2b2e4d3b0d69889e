"""The operator that submits a step to the cluster of a run."""

from __future__ import annotations

from typing import cast

from airflow.providers.amazon.aws.operators.emr import EmrAddStepsOperator
from airflow.sdk import Context

from verger.emr import step_record
from verger.emr.hook import UNFINISHED_STEP, IdempotentEmrHook
from verger.emr.operators.check_run_is_unpublished import CheckRunIsUnpublished
from verger.emr.operators.cluster_ended import ClusterEndedError, ended_message
from verger.s3 import clients
from verger_contract.keys import Run


class AddStep(CheckRunIsUnpublished, EmrAddStepsOperator):
    """Submits steps and returns their ids at once. A retry reuses the steps of the earlier try."""

    aws_hook_class = IdempotentEmrHook
    template_fields = (*EmrAddStepsOperator.template_fields, *CheckRunIsUnpublished.template_fields)
    template_ext = ()  # an argument that ends in .json is not the name of a template file

    def execute(self, context: Context) -> list[str]:
        """Submit the steps and write their records (`verger.emr.step_record`).

        Raises
        ------
        ClusterEndedError
        AirflowFailException
            The run cannot be published (any more), or S3 denies the access.
        """
        job_flow_id = str(self.job_flow_id)
        reason = self._emr_hook.end_reason(job_flow_id)
        if reason:
            raise ClusterEndedError(ended_message(job_flow_id, str(self.task_id), reason))
        ids: list[str] = super().execute(context)
        step_record.write(
            lambda: clients.client(self.storage),
            Run(self.storage.bucket, self.verger_run),
            str(self.task_id),
            job_flow_id,
            ids,
        )
        return ids

    def on_kill(self) -> None:
        """Cancel the submitted steps."""
        names = [step["Name"] for step in self.steps if isinstance(step, dict)]
        job_flow_id = str(self.job_flow_id)
        step_ids = self._emr_hook.step_ids(job_flow_id, names, UNFINISHED_STEP)
        self._emr_hook.cancel(job_flow_id, [*step_ids.values()])

    @property
    def _emr_hook(self) -> IdempotentEmrHook:
        return cast("IdempotentEmrHook", self.hook)
