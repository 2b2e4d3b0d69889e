from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.triggers.emr import EmrStepSensorTrigger
from airflow.triggers.base import TriggerEvent

from verger import progress, s3


class StepTrigger(EmrStepSensorTrigger):
    """Waits for a step, logs its progress, and cancels it when somebody ends the task meanwhile."""

    def __init__(self, *, stage: str, bucket: str, progress_key: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stage = stage
        self.bucket = bucket
        self.progress_key = progress_key
        self.step: dict[str, str] = {"job_flow_id": kwargs["job_flow_id"], "step_id": kwargs["step_id"]}
        self.serialized_fields = {**self.step, "stage": stage, "bucket": bucket, "progress_key": progress_key}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        reporter = asyncio.create_task(self._report())
        try:
            async for event in super().run():
                yield event
        finally:
            reporter.cancel()

    async def _report(self) -> None:
        hook = S3Hook(aws_conn_id=self.aws_conn_id, region_name=self.region_name, config=s3.client_config())
        last = ""
        async with await hook.get_async_conn() as client:  # type: ignore[no-untyped-call]
            while True:
                line = await self._progress(client)
                if line and line != last:
                    self.log.info("%s", line)
                    last = line
                await asyncio.sleep(self.waiter_delay)

    async def _progress(self, client: Any) -> str:
        """The present line, or nothing: a missing or unreadable progress.json never disturbs the wait."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = await client.get_object(Bucket=self.bucket, Key=self.progress_key)
            return progress.line(self.stage, json.loads(await answer["Body"].read()), datetime.now(UTC))
        except (BotoCoreError, ClientError, ValueError, KeyError, TypeError):
            return ""

    async def on_kill(self) -> None:
        """Cancel the step: the task was marked, cleared or killed by a user while it was deferred."""
        self.log.info("cancelling %s step %s of %s", self.stage, self.step["step_id"], self.step["job_flow_id"])
        async with await self.hook().get_async_conn() as client:  # type: ignore[no-untyped-call]
            await client.cancel_steps(
                ClusterId=self.step["job_flow_id"],
                StepIds=[self.step["step_id"]],
                StepCancellationOption="TERMINATE_PROCESS",
            )
