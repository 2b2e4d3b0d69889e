"""The sensor that waits for the EMR cluster of a run."""

from __future__ import annotations

from typing import Any, cast

from airflow.providers.amazon.aws.sensors.emr import EmrJobFlowSensor
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from verger.emr.hook import IdempotentEmrHook
from verger.emr.operators.check_run_is_unpublished import CheckRunIsUnpublished
from verger.emr.operators.cluster_ended import ClusterEndedError
from verger.emr.operators.deferral import defer
from verger.emr.triggers.cluster import ClusterTrigger
from verger_contract.keys import s3_scheme


class ClusterReady(CheckRunIsUnpublished, EmrJobFlowSensor):
    """Waits, deferred, until the cluster accepts steps. The task fails with EMR's reason when the cluster ends instead.

    When the cluster was lost, for example because EC2 had no capacity, the task launches a new one and waits for it,
    unless the run is published.

    The provider's sensor, when it is deferred, waits for the termination of the cluster and ignores `target_states`.

    Parameters
    ----------
    cluster_request : dict
        The RunJobFlow request of the run.
    cluster_retries : int
        How many lost clusters of the run are replaced.
    outage_seconds : float
        How long the task waits on while EMR answers with errors or not at all.
    """

    aws_hook_class = IdempotentEmrHook
    template_fields = (
        *EmrJobFlowSensor.template_fields,
        *CheckRunIsUnpublished.template_fields,
        "cluster_request",
    )

    def __init__(
        self, *, cluster_request: dict[str, Any], cluster_retries: int, outage_seconds: float, **kwargs: Any
    ) -> None:
        super().__init__(
            target_states=["WAITING", "RUNNING"],
            failed_states=["TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"],
            deferrable=True,
            **kwargs,
        )
        self.cluster_request = cluster_request
        self.cluster_retries = cluster_retries
        self.outage_seconds = outage_seconds

    def execute(self, context: Context) -> None:
        """Return when the cluster is ready, otherwise defer."""
        self.job_flow_id = self._emr_hook.present_cluster(self.cluster_request, str(self.job_flow_id))
        if not self._is_ready(context):
            self._defer()

    def _is_ready(self, context: Context) -> bool:
        """Return whether the cluster is ready. When it was lost, launch a new one and defer."""
        try:
            return bool(self.poke(context))
        except ClusterEndedError:
            found = self._emr_hook.replace_lost(
                self.cluster_request, self.job_flow_id, self.cluster_retries, self.check_run
            )
            if not found:
                raise
            self.job_flow_id = found
        self._defer()
        raise AssertionError("a deferral raises")

    def _defer(self) -> None:
        defer(
            self,
            ClusterTrigger,
            outage_seconds=self.outage_seconds,
            job_flow_id=self.job_flow_id,
        )

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> None:
        """Read the state of the cluster again: the trigger also reports success for a cluster that has ended.

        Raises
        ------
        AirflowFailException
        """
        found = event or {}  # its id is that for which the task was deferred; that of the XCom may be older
        self.job_flow_id = found.get("job_flow_id", self.job_flow_id)
        if not self._is_ready(context):
            raise AirflowFailException(f"cluster {self.job_flow_id} is not ready: {found.get('message')}")

    @property
    def _emr_hook(self) -> IdempotentEmrHook:
        return cast("IdempotentEmrHook", self.hook)

    def get_emr_response(self, context: Context) -> dict[str, Any]:
        """Return EMR's description of the cluster.

        Raises
        ------
        ClusterEndedError
        """
        response = super().get_emr_response(context)
        state = self.state_from_response(response)
        if state in self.failed_states:
            raise ClusterEndedError(
                f"cluster {self.job_flow_id}: expected WAITING or RUNNING, found {state} "
                f"{self.failure_message_from_response(response) or 'without a reason'}; "
                f"its logs: {s3_scheme(response['Cluster'].get('LogUri', ''))}{self.job_flow_id}/"
            )
        return response
