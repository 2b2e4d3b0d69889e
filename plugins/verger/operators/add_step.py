from __future__ import annotations

from typing import cast

from airflow.providers.amazon.aws.operators.emr import EmrAddStepsOperator

from verger.hook import UNFINISHED_STEP, AdoptingEmrHook


class AddStep(EmrAddStepsOperator):
    """Submits steps and returns their ids at once; a retry adopts the steps of the try before."""

    aws_hook_class = AdoptingEmrHook
    template_ext = ()  # an argument that ends in .json is no file to read

    def on_kill(self) -> None:
        """Cancel what was submitted."""
        names = [step["Name"] for step in self.steps if isinstance(step, dict)]
        job_flow_id = str(self.job_flow_id)
        hook = cast("AdoptingEmrHook", self.hook)
        hook.cancel(job_flow_id, [*hook.step_ids(job_flow_id, names, UNFINISHED_STEP).values()])
