"""The sensor that waits for the EMR cluster of a run."""

from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.sensors.emr import EmrJobFlowSensor
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from verger.emr.operators.deferral import defer
from verger.emr.triggers.cluster import ClusterTrigger
from verger_contract.keys import s3_scheme


class ClusterReady(EmrJobFlowSensor):
    """Waits, deferred, until the cluster accepts steps. The task fails with EMR's reason when the cluster ends instead.

    The provider's sensor, when it is deferred, waits for the termination of the cluster and ignores `target_states`.

    Parameters
    ----------
    outage_seconds : float
        How long the task waits on while EMR answers with errors or not at all.
    """

    def __init__(self, *, outage_seconds: float, **kwargs: Any) -> None:
        super().__init__(
            target_states=["WAITING", "RUNNING"],
            failed_states=["TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"],
            deferrable=True,
            **kwargs,
        )
        self.outage_seconds = outage_seconds

    def execute(self, context: Context) -> None:
        """Return when the cluster is ready, otherwise defer."""
        if self.poke(context):
            return
        defer(self, ClusterTrigger, outage_seconds=self.outage_seconds, job_flow_id=self.job_flow_id)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> None:
        """Read the state of the cluster again: the trigger also reports success for a cluster that has ended.

        Raises
        ------
        AirflowFailException
        """
        if not self.poke(context):
            raise AirflowFailException(f"cluster {self.job_flow_id} is not ready: {(event or {}).get('message')}")

    def get_emr_response(self, context: Context) -> dict[str, Any]:
        """Return EMR's description of the cluster.

        Raises
        ------
        AirflowFailException
            The cluster has ended or is ending.
        """
        response = super().get_emr_response(context)
        state = self.state_from_response(response)
        if state in self.failed_states:
            raise AirflowFailException(
                f"cluster {self.job_flow_id}: expected WAITING or RUNNING, found {state} "
                f"{self.failure_message_from_response(response) or 'without a reason'}; "
                f"its logs: {s3_scheme(response['Cluster'].get('LogUri', ''))}{self.job_flow_id}/"
            )
        return response
