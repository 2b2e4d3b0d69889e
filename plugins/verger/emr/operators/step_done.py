from __future__ import annotations

from typing import Any, cast

from airflow.providers.amazon.aws.sensors.emr import EmrStepSensor
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from verger.emr import step_log
from verger.emr.hook import AdoptingEmrHook
from verger.emr.operators.deferral import defer
from verger.emr.triggers.step import StepTrigger
from verger.s3 import clients
from verger.s3.errors import StorageError
from verger.settings import Settings


class StepDone(EmrStepSensor):
    """Waits, deferred, until the step has completed, and logs its progress meanwhile.

    A failed step fails the task with the last error of its log. A killed task cancels its step.
    """

    aws_hook_class = AdoptingEmrHook

    template_fields = (*EmrStepSensor.template_fields, "progress_key")

    def __init__(self, *, settings: Settings, step: str, progress_key: str, **kwargs: Any) -> None:
        super().__init__(deferrable=True, **kwargs)
        self.settings = settings
        self.step = step
        self.progress_key = progress_key

    def execute(self, context: Context) -> None:
        if self.poke(context):
            return
        defer(
            self,
            StepTrigger,
            step=self.step,
            bucket=self.settings.storage.bucket,
            progress_key=self.progress_key,
            job_flow_id=self.job_flow_id,
            step_id=self.step_id,
        )

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> None:
        if not self.poke(context):
            raise AirflowFailException(f"{self.step} step {self.step_id} is not done: {(event or {}).get('message')}")

    def get_emr_response(self, context: Context) -> dict[str, Any]:
        response = super().get_emr_response(context)
        state = self.state_from_response(response)
        if state in self.failed_states:
            raise AirflowFailException(self._why(state, response))
        return response

    def _why(self, state: str, response: dict[str, Any]) -> str:
        storage = self.settings.storage
        prefix = f"{self.settings.cluster.log_prefix}{self.job_flow_id}/"
        wait = self.settings.schedule.log_wait_seconds if state == "FAILED" else 0
        try:
            found = step_log.last_error(clients.client(storage), storage.bucket, prefix, self.step_id, wait)
        except StorageError as error:  # that the step failed matters more than that its log cannot be read
            found = step_log.LastError(str(error), [], "")
        self.log.error("last lines of %s:\n%s", found.uri, "\n".join(found.lines) or "(no log)")
        reason = found.summary or self.failure_message_from_response(response) or "EMR gives no reason"
        return f"{self.step} step {self.step_id} of {self.job_flow_id} is {state}: {reason} (log: {found.uri})"

    def on_kill(self) -> None:
        """Cancel the step. (While the task is deferred, its trigger does.)"""
        cast("AdoptingEmrHook", self.hook).cancel(self.job_flow_id, [self.step_id])
