"""The task that submits a verification step, waits for it, and reads its verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from airflow.sdk import Context

from verger.airflow_errors import failing_without_retry
from verger.attempts import completed, with_attempts
from verger.changes.plan import Plan
from verger.checks import verdict
from verger.context import RunContext
from verger.emr.operators.step_done import StepDone
from verger.publication.commit import check_may_write
from verger.validation.check import ValidationError

OfRun = Callable[[RunContext, Plan], None]


class VerifyStep(StepDone):
    """Submits a verification step, waits for it, and fails with the reasons of its verdict.

    The command of the step names the attempts that it verifies, so that a step of an earlier attempt is not reused. If
    the bucket has the verdict on these attempts already, the task reads it and needs no cluster.

    Parameters
    ----------
    plan : dict
        The XCom of `anything_to_do`.
    verified : sequence of str
        The steps whose output is verified.
    prepare : callable or None
        Called before the step is submitted.
    conclude : callable
        Called when there is a verdict. It raises ValidationError when a check failed.
    """

    template_fields = (*StepDone.template_fields, "plan")

    def __init__(
        self,
        *,
        plan: Any,
        verified: Sequence[str],
        conclude: OfRun,
        prepare: OfRun | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(step_id="", **kwargs)
        self.plan = plan
        self.verified = verified
        self.prepare = prepare
        self.conclude = conclude

    def execute(self, context: Context) -> None:
        """Read the verdict if there is one. Else submit the step and defer.

        Raises
        ------
        AirflowFailException
            A check failed, or as `StepDone.execute`.
        """
        with failing_without_retry():
            run_context = self._context()
            check_may_write(run_context.client, run_context.run)
            if self.prepare:
                self.prepare(run_context, Plan.of(self.plan))
            self._name_attempts(run_context)
            has_verdict = self._has_verdict(run_context)
        if not has_verdict:
            super().execute(context)
        self._conclude()

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> None:
        """Read the verdict when the step has completed.

        Raises
        ------
        AirflowFailException
            A check failed, or as `StepDone.execute_complete`.
        """
        with failing_without_retry():
            self._name_attempts(self._context())
        super().execute_complete(context, event)
        self._conclude()

    def _context(self) -> RunContext:
        return RunContext.of(self.settings, self.verger_run)

    def _name_attempts(self, run_context: RunContext) -> None:
        attempts = [f"{step}:{completed(run_context, step).get('attempt', '')}" for step in self.verified]
        step = self.request["HadoopJarStep"]
        arguments = [*step["Args"], "--of-attempts", ",".join(attempts)]
        self.request = {**self.request, "HadoopJarStep": {**step, "Args": arguments}}

    def _has_verdict(self, run_context: RunContext) -> bool:
        try:
            verdict(with_attempts(run_context, *self.verified), self.step)
        except ValidationError:
            return False
        return True

    def _conclude(self) -> None:
        with failing_without_retry():
            self.conclude(self._context(), Plan.of(self.plan))
