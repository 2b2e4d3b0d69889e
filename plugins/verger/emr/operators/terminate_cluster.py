from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.operators.emr import EmrTerminateJobFlowOperator
from airflow.sdk import Context


class TerminateCluster(EmrTerminateJobFlowOperator):
    """Terminates the cluster and waits, deferred, until it is gone.

    Gone is gone: a cluster that ended with errors needs no second end, so it does not fail this task.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(deferrable=True, **kwargs)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> None:
        cluster = self.hook.conn.describe_cluster(ClusterId=self.job_flow_id)["Cluster"]
        if cluster["Status"]["State"] == "TERMINATED_WITH_ERRORS":
            self.log.info("cluster %s had already ended with errors", self.job_flow_id)
            return
        super().execute_complete(context, event)
