"""The sensor that waits for a step of a run."""

from __future__ import annotations

from typing import Any, cast

from airflow.providers.amazon.aws.sensors.emr import EmrStepSensor
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from verger.airflow_errors import failing_without_retry
from verger.emr import container_memory, step_log, step_record
from verger.emr.descriptions import ClusterStep
from verger.emr.hook import REUSABLE_STEP, IdempotentEmrHook, is_cluster_id
from verger.emr.operators import killed_process
from verger.emr.operators.cluster_ended import ClusterEndedError, ended_message
from verger.emr.operators.deferral import defer
from verger.emr.operators.step_retry import reason_to_retry
from verger.emr.triggers.step import StepTrigger
from verger.publication.commit import check_may_write
from verger.s3 import clients
from verger.s3.errors import StorageError, UnavailableError
from verger.settings import Settings
from verger_contract.keys import Run

LAST_LINES = 3
"""Lines of a log without an error that the message of the failure shows."""


class StepFailedError(AirflowFailException):
    """The step has failed or was cancelled. `retry` is the reason for another try; empty when there is none."""

    def __init__(self, message: str, retry: str) -> None:
        super().__init__(message)
        self.retry = retry


class StepDone(EmrStepSensor):
    """Waits, deferred, until the step has completed. The trigger logs the progress of the step.

    The task looks the step up on the present cluster of the run, by its name and command. It submits the step when the
    cluster does not have it: after a user has cleared this task, the run has a new cluster.

    When a process or a node of the step was lost, the task submits the step again, at most VERGER_STEP_RETRIES times on
    a cluster. When the cluster was lost, the task launches a new one, at most `cluster_retries` times in a run. Else
    the task fails with the last error of the step's log. The step is cancelled when the task is killed.

    Parameters
    ----------
    settings : Settings
    step : str
        featurize or pca: the task that submits the step.
    request : dict
        The step in the shape of AddJobFlowSteps.
    cluster_request : dict
        The RunJobFlow request of the run.
    cluster_retries : int
        How many lost clusters of the run are replaced.
    verger_run : str
        The run id.
    minutes : str
        The time limit of the step. `max_attempts` counts when it is no number, because the run has no plan.
    """

    aws_hook_class = IdempotentEmrHook

    template_fields = (*EmrStepSensor.template_fields, "request", "cluster_request", "verger_run", "minutes")

    def __init__(
        self,
        *,
        settings: Settings,
        step: str,
        request: dict[str, Any],
        cluster_request: dict[str, Any],
        cluster_retries: int,
        verger_run: str,
        minutes: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(deferrable=True, **kwargs)
        self.settings = settings
        self.step = step
        self.request = request
        self.cluster_request = cluster_request
        self.cluster_retries = cluster_retries
        self.verger_run = verger_run
        self.minutes = minutes

    def execute(self, context: Context) -> None:
        """Find the step, or submit it. Return when it has completed, otherwise defer.

        Raises
        ------
        AirflowFailException
            The step has failed, the run has no active cluster, or the run cannot be published (any more).
        """
        known = str(self.job_flow_id)
        self.job_flow_id = self._emr_hook.present_cluster(self.cluster_request, known)
        if not is_cluster_id(self.job_flow_id):
            raise AirflowFailException(
                f"run {self.verger_run}: expected an active cluster for the step {self.step}, found none; clear "
                "create_cluster and the tasks downstream of it"
            )
        found = self._emr_hook.step_of(self.job_flow_id, self.request)
        self.step_id = found.id if found and self._is_awaited(found, context) else self._submit()
        self._wait(context)

    def _is_awaited(self, found: ClusterStep, context: Context) -> bool:
        """Return whether the task waits for this step, and does not submit another one.

        In its first try, the task also reports the failure of the step that the task before it submitted. After that,
        the task was cleared or has lost its process, and submits the step again.
        """
        return found.state in REUSABLE_STEP or (context["ti"].try_number == 1 and found.id == self.step_id)

    def _check_run(self) -> Run:
        """Return the run. Raise AirflowFailException when it cannot be published (any more)."""
        run = Run(self.settings.storage.bucket, self.verger_run)
        with failing_without_retry():
            check_may_write(clients.client(self.settings.storage), run)
        return run

    def _submit(self) -> str:
        run = self._check_run()
        reason = self._emr_hook.end_reason(self.job_flow_id)
        if reason and not self._replace_cluster():
            raise ClusterEndedError(ended_message(self.job_flow_id, self.step, reason))
        (step_id,) = self._emr_hook.add_job_flow_steps(self.job_flow_id, [self.request])
        self.log.warning("cluster %s: did not have the step %s; submitted as %s", self.job_flow_id, self.step, step_id)
        step_record.write(lambda: clients.client(self.settings.storage), run, self.step, self.job_flow_id, [step_id])
        return step_id

    def _replace_cluster(self) -> bool:
        """Launch a new cluster when that of the run was lost. Return whether there is one."""
        found = self._emr_hook.replace_lost(
            self.cluster_request, self.job_flow_id, self.cluster_retries, self._check_run
        )
        self.job_flow_id = found or self.job_flow_id
        return bool(found)

    def _wait(self, context: Context) -> None:
        """Return when the step has completed, otherwise defer. Submit the step again when that is worth it."""
        try:
            if self.poke(context):
                return
        except StepFailedError as failed:
            if self._replace_cluster():
                self.log.warning("%s; its cluster was lost", failed)
            else:
                tries = self._emr_hook.failed_tries(self.job_flow_id, self.request)
                most = 1 + self.settings.schedule.step_retries
                if not failed.retry or tries >= most or self._emr_hook.end_reason(self.job_flow_id):
                    raise
                self.log.warning("%s; %s: try %d of %d", failed, failed.retry, tries + 1, most)
            self.step_id = self._submit()
        if self.minutes.isdecimal():
            self.max_attempts = self.settings.schedule.attempts(int(self.minutes))
        defer(
            self,
            StepTrigger,
            outage_seconds=self.settings.schedule.outage_seconds,
            step=self.step,
            bucket=self.settings.storage.bucket,
            progress_key=Run(self.settings.storage.bucket, self.verger_run).progress,
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
        found = event or {}  # its ids are those for which the task was deferred; those of the XComs may be older
        self.job_flow_id = found.get("job_flow_id", self.job_flow_id)
        self.step_id = found.get("step_id", self.step_id)
        if found.get("status") == "success":
            self._wait(context)
        elif not self.poke(context):
            limit = f"its limit: {self.minutes} minutes; " if self.minutes.isdecimal() else ""
            raise AirflowFailException(
                f"{self.step} step {self.step_id} is not done: {found.get('message')}; {limit}see VERGER_STEP_MINUTES"
            )

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
            raise self._failure(state, response)
        return response

    def _failure(self, state: str, response: dict[str, Any]) -> StepFailedError:
        """Log the last lines of the step's log and return the failure."""
        storage = self.settings.storage
        prefix = f"{self.settings.cluster.log_prefix}{self.job_flow_id}/"
        ended = self._emr_hook.end_reason(self.job_flow_id)
        wait = self.settings.schedule.log_wait_seconds if state == "FAILED" and not ended else 0
        code = None
        try:
            client = clients.client(storage)
            found = step_log.last_error(client, storage.bucket, prefix, self.step_id, wait)
            code = step_log.exit_code(client, storage.bucket, prefix, self.step_id)
        except (StorageError, UnavailableError) as error:  # the message names the failed step in any case
            found = step_log.LastError(str(error), [], "")
        self.log.error("last lines of %s:\n%s", found.uri, "\n".join(found.lines) or "(no log)")
        explained = container_memory.explanation(found.summary, self.settings.cluster)
        if not explained and not found.is_step_error and not ended:
            explained = killed_process.explanation(found.summary, code)
        known = explained or found.summary
        reason = known or self.failure_message_from_response(response) or "EMR gives no reason"
        if ended:  # without a known reason, the last lines of the log show only the consequences
            reason = f"the cluster is {ended}; {known or 'clear this task with its downstream tasks'}"
        elif not found.summary and found.lines:
            reason += f"; last lines of its log: {' / '.join(line.strip() for line in found.lines[-LAST_LINES:])}"
        message = f"{self.step} step {self.step_id} of {self.job_flow_id} is {state}: {reason} (log: {found.uri})"
        return StepFailedError(message, reason_to_retry(state, known, complete=found.complete))

    def on_kill(self) -> None:
        """Cancel the step. While the task is deferred, Airflow calls `on_kill` of the trigger instead."""
        self._emr_hook.cancel(self.job_flow_id, [self.step_id])

    @property
    def _emr_hook(self) -> IdempotentEmrHook:
        return cast("IdempotentEmrHook", self.hook)
