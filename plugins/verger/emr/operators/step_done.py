"""The sensor that waits for a step of a run."""

from __future__ import annotations

from typing import Any, cast

from airflow.providers.amazon.aws.sensors.emr import EmrStepSensor
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from verger.emr import step_log
from verger.emr.hook import IdempotentEmrHook
from verger.emr.operators.deferral import defer
from verger.emr.triggers.step import StepTrigger
from verger.s3 import clients
from verger.s3.errors import StorageError
from verger.settings import Settings


class StepDone(EmrStepSensor):
    """Waits, deferred, until the step has completed. The trigger logs the progress of the step.

    The task fails with the last error of the step's log when the step fails. The step is cancelled when the task is
    killed.

    Parameters
    ----------
    settings : Settings
    step : str
        featurize or pca.
    progress_key : str
        Key of the run's progress.json.
    """

    aws_hook_class = IdempotentEmrHook

    template_fields = (*EmrStepSensor.template_fields, "progress_key")

    def __init__(self, *, settings: Settings, step: str, progress_key: str, **kwargs: Any) -> None:
        super().__init__(deferrable=True, **kwargs)
        self.settings = settings
        self.step = step
        self.progress_key = progress_key

    def execute(self, context: Context) -> None:
        """Return when the step has completed, otherwise defer."""
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
        """Read the state of the step again; the event of the trigger only ends the wait.

        Raises
        ------
        AirflowFailException
            The step has not completed in time, or it has failed.
        """
        if not self.poke(context):
            raise AirflowFailException(f"{self.step} step {self.step_id} is not done: {(event or {}).get('message')}")

    def get_emr_response(self, context: Context) -> dict[str, Any]:
        """Return EMR's description of the step.

        Raises
        ------
        AirflowFailException
            The step has failed or was cancelled; the message holds the last error of its log.
        """
        response = super().get_emr_response(context)
        state = self.state_from_response(response)
        if state in self.failed_states:
            raise AirflowFailException(self._failure(state, response))
        return response

    def _failure(self, state: str, response: dict[str, Any]) -> str:
        """Log the last lines of the step's log and return the message of the failure."""
        storage = self.settings.storage
        prefix = f"{self.settings.cluster.log_prefix}{self.job_flow_id}/"
        wait = self.settings.schedule.log_wait_seconds if state == "FAILED" else 0
        try:
            found = step_log.last_error(clients.client(storage), storage.bucket, prefix, self.step_id, wait)
        except StorageError as error:  # the message must name the failed step, also when its log cannot be read
            found = step_log.LastError(str(error), [], "")
        self.log.error("last lines of %s:\n%s", found.uri, "\n".join(found.lines) or "(no log)")
        reason = found.summary or self.failure_message_from_response(response) or "EMR gives no reason"
        return f"{self.step} step {self.step_id} of {self.job_flow_id} is {state}: {reason} (log: {found.uri})"

    def on_kill(self) -> None:
        """Cancel the step. While the task is deferred, Airflow calls `on_kill` of the trigger instead."""
        cast("IdempotentEmrHook", self.hook).cancel(self.job_flow_id, [self.step_id])
