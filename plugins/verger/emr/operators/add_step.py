from __future__ import annotations

from typing import Any, cast

from airflow.providers.amazon.aws.operators.emr import EmrAddStepsOperator
from airflow.sdk import Context

from verger.emr import step_record
from verger.emr.hook import UNFINISHED_STEP, AdoptingEmrHook
from verger.emr.operators.unpublished import Unpublished
from verger.errors import VergerError
from verger.s3 import clients
from verger_contract.keys import Run


class ClusterGoneError(VergerError):
    """The cluster takes no steps any more."""


class AddStep(Unpublished, EmrAddStepsOperator):
    """Submits steps and returns their ids at once; a retry adopts the steps of the try before."""

    aws_hook_class = AdoptingEmrHook
    template_fields = (*EmrAddStepsOperator.template_fields, *Unpublished.template_fields)
    template_ext = ()  # an argument that ends in .json is no file to read

    def execute(self, context: Context) -> Any:
        end = cast("AdoptingEmrHook", self.hook).end(str(self.job_flow_id))
        if end:
            raise ClusterGoneError(
                f"cluster {self.job_flow_id}: expected it to wait for the step {self.task_id}, found {end}; "
                "clear create_cluster and what follows it, and raise VERGER_IDLE_TIMEOUT if the cluster idled too long"
            )
        ids: list[str] = super().execute(context)
        step_record.write(
            lambda: clients.client(self.storage),
            Run(self.storage.bucket, self.verger_run),
            str(self.task_id),
            str(self.job_flow_id),
            ids,
        )
        return ids

    def on_kill(self) -> None:
        """Cancel what was submitted."""
        names = [step["Name"] for step in self.steps if isinstance(step, dict)]
        job_flow_id = str(self.job_flow_id)
        hook = cast("AdoptingEmrHook", self.hook)
        hook.cancel(job_flow_id, [*hook.step_ids(job_flow_id, names, UNFINISHED_STEP).values()])
