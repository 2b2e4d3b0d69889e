"""The operator that terminates the EMR cluster of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from airflow.providers.amazon.aws.operators.emr import EmrTerminateJobFlowOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import TaskDeferred

from verger.emr.hook import IdempotentEmrHook, is_cluster_id
from verger.emr.triggers.in_region import TerminationTrigger


class TerminateCluster(EmrTerminateJobFlowOperator):
    """Terminates the cluster of a run and waits, deferred, until it has ended.

    The cluster is the one of `create_cluster`, or an active one of the run that has replaced it. The task also
    terminates every other active cluster that has the name and the tags of the run. EMR may have created one whose id
    Airflow never received. The task does not wait for these.

    The task also succeeds when the cluster ended with errors: nothing is left to terminate.

    Parameters
    ----------
    cluster_name : str
        Name of the run's cluster.
    cluster_tags : sequence of mapping
        Tags of the run's cluster, in the shape of RunJobFlow.
    """

    aws_hook_class = IdempotentEmrHook
    template_fields = (*EmrTerminateJobFlowOperator.template_fields, "cluster_name", "cluster_tags")

    def __init__(self, *, cluster_name: str, cluster_tags: Sequence[Mapping[str, str]], **kwargs: Any) -> None:
        super().__init__(deferrable=True, **kwargs)
        self.cluster_name = cluster_name
        self.cluster_tags = cluster_tags

    def execute(self, context: Context) -> None:
        """Terminate all clusters of the run, then defer until that of the run has ended."""
        hook = cast("IdempotentEmrHook", self.hook)
        found = [*hook.active_clusters(self.cluster_name, self.cluster_tags)]
        if found and self.job_flow_id not in found:  # a task has replaced the lost cluster
            self.job_flow_id = found[0]
        others = [cluster for cluster in found if cluster != self.job_flow_id]
        if others:
            self.log.warning("clusters %s: have the name and tags of this run too, terminated", ", ".join(others))
            hook.emr_client.terminate_job_flows(JobFlowIds=others)
        if not is_cluster_id(str(self.job_flow_id)):
            self.log.warning("create_cluster has no id of a cluster in its XCom: a user marked it as success")
            return
        try:
            super().execute(context)
        except TaskDeferred as deferral:  # its trigger has no region in the provider 9.34
            deferral.trigger = TerminationTrigger(
                job_flow_id=str(self.job_flow_id),
                waiter_delay=self.waiter_delay,
                waiter_max_attempts=self.waiter_max_attempts,
                aws_conn_id=self.aws_conn_id,
                region_name=self.region_name,
                verify=self.verify,
                botocore_config=self.botocore_config,
            )
            deferral.kwargs = {"job_flow_id": self.job_flow_id}
            raise

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None, *, job_flow_id: str = "") -> None:
        """Succeed when the cluster has ended, with or without errors.

        Parameters
        ----------
        job_flow_id : str
            The id for which the task was deferred. That of the XCom may be older.

        Raises
        ------
        RuntimeError, AirflowException
            The cluster did not end in time (from the provider).
        """
        hook, self.job_flow_id = cast("IdempotentEmrHook", self.hook), job_flow_id or self.job_flow_id
        status = hook.emr_client.describe_cluster(ClusterId=str(self.job_flow_id))["Cluster"]["Status"]
        if status["State"] == "TERMINATED_WITH_ERRORS":
            self.log.info("cluster %s: has ended with errors", self.job_flow_id)
            return
        super().execute_complete(context, event)
