"""The trigger that waits for a step of a run."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.triggers.emr import EmrStepSensorTrigger

from verger.emr import progress
from verger.emr.hook import UNFINISHED_STEP
from verger.emr.triggers.polling import PollingTrigger
from verger.s3 import clients

PROGRESS_SECONDS = 10.0
"""The time limit of a read of progress.json. The log of the task can do without it until the next poll."""


class StepTrigger(PollingTrigger, EmrStepSensorTrigger):
    """Waits until a step has ended, logs its progress, and cancels the step when a user ends the task.

    Parameters
    ----------
    job_flow_id, step_id : str
        Ids of the cluster and of the step.
    step : str
        featurize or pca.
    bucket, progress_key : str
        Where the run's progress.json is.
    """

    def __init__(
        self, *, job_flow_id: str, step_id: str, step: str, bucket: str, progress_key: str, **kwargs: Any
    ) -> None:
        super().__init__(job_flow_id=job_flow_id, step_id=step_id, **kwargs)
        self.job_flow_id = job_flow_id
        self.step_id = step_id
        self.step = step
        self.bucket = bucket
        self.progress_key = progress_key
        self.serialized_fields |= {"step": step, "bucket": bucket, "progress_key": progress_key}

    @property
    def awaited(self) -> dict[str, str]:
        """The ids of the cluster and of the step."""
        return {"job_flow_id": self.job_flow_id, "step_id": self.step_id}

    async def open(self, stack: AsyncExitStack) -> tuple[Any, Any]:
        """Return aiobotocore's clients of EMR and S3."""
        config = clients.client_config(**self.poll_options)
        storage = S3Hook(aws_conn_id=self.aws_conn_id, region_name=self.region_name, config=config)
        emr = await self.open_emr(stack)
        return emr, await stack.enter_async_context(await storage.get_async_conn())

    async def poll(self, clients: tuple[Any, Any]) -> str | None:
        """Return the state of the step when it has ended. Log a new progress or state."""
        emr, s3 = clients
        answer = await emr.describe_step(ClusterId=self.job_flow_id, StepId=self.step_id)
        state = str(answer["Step"]["Status"]["State"])
        ended = state not in UNFINISHED_STEP
        # A short step can end between two polls, so the progress is also logged after its end.
        line = await self._progress(s3) or ("" if ended else f"{self.step} {state}")
        if line not in ("", self.latest):
            self.log.info("%s", line)
            self.latest = line
        return state if ended else None

    async def _progress(self, s3: Any) -> str:
        """Return the progress as text; empty when progress.json is missing, invalid or cannot be read at the moment."""
        try:
            async with asyncio.timeout(PROGRESS_SECONDS):
                answer = await s3.get_object(Bucket=self.bucket, Key=self.progress_key)
                return progress.line(self.step, json.loads(await answer["Body"].read()))
        except Exception as error:  # noqa: BLE001 (whatever is wrong with the progress, the step runs on)
            self.log.debug("no progress: %s", error)
            return ""

    async def on_kill(self) -> None:
        """Cancel the step. Airflow calls this when a user marks or clears the task while it is deferred."""
        self.log.info("cluster %s: cancelling %s step %s", self.job_flow_id, self.step, self.step_id)
        async with await self.hook().get_async_conn() as emr:
            await emr.cancel_steps(
                ClusterId=self.job_flow_id, StepIds=[self.step_id], StepCancellationOption="TERMINATE_PROCESS"
            )
