"""The trigger that waits for a step of a run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.triggers.emr import EmrStepSensorTrigger
from airflow.triggers.base import TriggerEvent

from verger.emr import progress
from verger.emr.hook import UNFINISHED_STEP
from verger.s3 import clients


class StepTrigger(EmrStepSensorTrigger):
    """Waits until a step has ended, logs its progress, and cancels the step when a user ends the task.

    The event only ends the wait: the sensor reads the state of the step from EMR.

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

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll the step. Yield one event: success when the step has ended, error after the last attempt."""
        storage = S3Hook(aws_conn_id=self.aws_conn_id, region_name=self.region_name, config=clients.client_config())
        last = ""
        async with (
            await self.hook().get_async_conn() as emr,
            await storage.get_async_conn() as s3,
        ):
            for _ in range(self.attempts):
                answer = await emr.describe_step(ClusterId=self.job_flow_id, StepId=self.step_id)
                state = answer["Step"]["Status"]["State"]
                ended = state not in UNFINISHED_STEP
                # A short step can end between two polls, so the progress is also logged after its end.
                line = await self._progress(s3) or ("" if ended else f"{self.step} {state}")
                if line not in ("", last):
                    self.log.info("%s", line)
                    last = line
                if ended:
                    yield TriggerEvent({"status": "success", "message": state})
                    return
                await asyncio.sleep(self.waiter_delay)
        yield TriggerEvent({"status": "error", "message": f"waited {self.attempts * self.waiter_delay} s; {last}"})

    async def _progress(self, s3: Any) -> str:
        """Return the progress as text; empty when progress.json is missing or invalid. `s3` is aiobotocore's client."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = await s3.get_object(Bucket=self.bucket, Key=self.progress_key)
            return progress.line(self.step, json.loads(await answer["Body"].read()))
        except (BotoCoreError, ClientError, ValueError, KeyError, TypeError):
            return ""

    async def on_kill(self) -> None:
        """Cancel the step. Airflow calls this when a user marks or clears the task while it is deferred."""
        self.log.info("cluster %s: cancelling %s step %s", self.job_flow_id, self.step, self.step_id)
        async with await self.hook().get_async_conn() as emr:
            await emr.cancel_steps(
                ClusterId=self.job_flow_id, StepIds=[self.step_id], StepCancellationOption="TERMINATE_PROCESS"
            )
