from __future__ import annotations

from typing import cast

from airflow.providers.amazon.aws.operators.emr import EmrCreateJobFlowOperator

from verger.emr.hook import AdoptingEmrHook
from verger.emr.operators.unpublished import Unpublished


class CreateCluster(Unpublished, EmrCreateJobFlowOperator):
    """Asks EMR for the cluster of this run and returns at once; a retry adopts the cluster of the try before.

    It does not wait: a setup that fails while waiting would never have its teardown run.
    """

    aws_hook_class = AdoptingEmrHook
    template_fields = (*EmrCreateJobFlowOperator.template_fields, *Unpublished.template_fields)
    template_ext = ()  # an argument that ends in .json is no file to read

    # The provider's on_kill reads it, even when the kill comes before the cluster.
    _job_flow_id: str | None = None

    def on_kill(self) -> None:
        """Terminate the cluster, also when the kill came between the request and its answer."""
        if isinstance(self.job_flow_overrides, dict):
            hook = cast("AdoptingEmrHook", self.hook)
            self._job_flow_id = self._job_flow_id or hook.living_cluster(self.job_flow_overrides)
        super().on_kill()
