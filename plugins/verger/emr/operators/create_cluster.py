"""The operator that creates the EMR cluster of a run."""

from __future__ import annotations

from typing import cast

from airflow.providers.amazon.aws.operators.emr import EmrCreateJobFlowOperator

from verger.emr.hook import IdempotentEmrHook
from verger.emr.operators.check_run_is_unpublished import CheckRunIsUnpublished


class CreateCluster(CheckRunIsUnpublished, EmrCreateJobFlowOperator):
    """Requests the cluster of a run and returns its id at once. A retry reuses the cluster of the earlier try.

    The operator does not wait for the cluster: Airflow does not run the teardown of a setup task that failed, so a
    cluster that failed while this task waits would not be terminated.
    """

    aws_hook_class = IdempotentEmrHook
    template_fields = (*EmrCreateJobFlowOperator.template_fields, *CheckRunIsUnpublished.template_fields)
    template_ext = ()  # an argument that ends in .json is not the name of a template file

    # The provider's on_kill reads this attribute, also when the cluster has not been created.
    _job_flow_id: str | None = None

    def on_kill(self) -> None:
        """Terminate the cluster, also when the task was killed before EMR's response with the id arrived."""
        if isinstance(self.job_flow_overrides, dict):
            hook = cast("IdempotentEmrHook", self.hook)
            self._job_flow_id = self._job_flow_id or hook.active_cluster(self.job_flow_overrides)
        super().on_kill()
