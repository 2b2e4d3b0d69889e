"""The operator that terminates the EMR cluster of a run."""

from __future__ import annotations

from typing import Any, cast

from airflow.providers.amazon.aws.operators.emr import EmrTerminateJobFlowOperator
from airflow.sdk import Context

from verger.emr.hook import IdempotentEmrHook


class TerminateCluster(EmrTerminateJobFlowOperator):
    """Terminates the cluster and waits, deferred, until it has ended.

    The task also succeeds when the cluster ended with errors: nothing is left to terminate.
    """

    aws_hook_class = IdempotentEmrHook

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(deferrable=True, **kwargs)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> None:
        """Succeed when the cluster has ended, with or without errors.

        Raises
        ------
        RuntimeError, AirflowException
            The cluster did not end in time (from the provider).
        """
        hook = cast("IdempotentEmrHook", self.hook)
        status = hook.emr_client.describe_cluster(ClusterId=str(self.job_flow_id))["Cluster"]["Status"]
        if status["State"] == "TERMINATED_WITH_ERRORS":
            self.log.info("cluster %s: has ended with errors", self.job_flow_id)
            return
        super().execute_complete(context, event)
