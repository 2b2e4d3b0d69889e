"""The trigger that waits for the start of a cluster."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

from airflow.providers.amazon.aws.triggers.emr import EmrCreateJobFlowTrigger

from verger.emr.triggers.polling import PollingTrigger

STARTING = ("STARTING", "BOOTSTRAPPING")


class ClusterTrigger(PollingTrigger, EmrCreateJobFlowTrigger):
    """Waits until a cluster accepts steps or has ended. Logs its state.

    Parameters
    ----------
    job_flow_id : str
        Id of the cluster.
    """

    def __init__(self, *, job_flow_id: str, **kwargs: Any) -> None:
        super().__init__(job_flow_id=job_flow_id, **kwargs)
        self.job_flow_id = job_flow_id

    @property
    def awaited(self) -> dict[str, str]:
        """The id of the cluster."""
        return {"job_flow_id": self.job_flow_id}

    async def open(self, stack: AsyncExitStack) -> Any:
        """Return aiobotocore's client of EMR."""
        return await self.open_emr(stack)

    async def poll(self, clients: Any) -> str | None:
        """Return the state of the cluster when it no longer starts."""
        answer = await clients.describe_cluster(ClusterId=self.job_flow_id)
        state = str(answer["Cluster"]["Status"]["State"])
        if state != self.latest:
            self.log.info("cluster %s: %s", self.job_flow_id, state)
            self.latest = state
        return None if state in STARTING else state
