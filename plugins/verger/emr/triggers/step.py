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
    """Waits until a step is over, logs its progress, and cancels it when somebody ends the task meanwhile.

    Its event only says that waiting is over: how the step ended, the sensor asks EMR itself.
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
        storage = S3Hook(aws_conn_id=self.aws_conn_id, region_name=self.region_name, config=clients.client_config())
        last = ""
        async with (
            await self.hook().get_async_conn() as emr,
            await storage.get_async_conn() as objects,
        ):
            for _ in range(self.attempts):
                answer = await emr.describe_step(ClusterId=self.job_flow_id, StepId=self.step_id)
                state = answer["Step"]["Status"]["State"]
                over = state not in UNFINISHED_STEP
                # Also of a step that is over, which may have been quick: how far it came.
                line = await self._progress(objects) or ("" if over else f"{self.step} {state}")
                if line not in ("", last):
                    self.log.info("%s", line)
                    last = line
                if over:
                    yield TriggerEvent({"status": "success", "message": state})
                    return
                await asyncio.sleep(self.waiter_delay)
        yield TriggerEvent({"status": "error", "message": f"waited {self.attempts * self.waiter_delay} s; {last}"})

    async def _progress(self, objects: Any) -> str:
        """The present line, or nothing: a missing or unreadable progress.json never disturbs the wait."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = await objects.get_object(Bucket=self.bucket, Key=self.progress_key)
            return progress.line(self.step, json.loads(await answer["Body"].read()))
        except (BotoCoreError, ClientError, ValueError, KeyError, TypeError):
            return ""

    async def on_kill(self) -> None:
        """Cancel the step: the task was marked, cleared or killed by a user while it was deferred."""
        self.log.info("cancelling %s step %s of %s", self.step, self.step_id, self.job_flow_id)
        async with await self.hook().get_async_conn() as emr:
            await emr.cancel_steps(
                ClusterId=self.job_flow_id, StepIds=[self.step_id], StepCancellationOption="TERMINATE_PROCESS"
            )
