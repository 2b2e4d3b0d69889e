"""EMR refuses calls, does not answer, or its answer is lost."""

from __future__ import annotations

import time

from chaos.harness.trial import Trial
from chaos.scenario import CLEAR, NONE, Scenario
from local_aws.faults.faults import Fault, lost, refused, unanswered

DISTURBED_S = 60.0
"""How long EMR is disturbed. Hooks repeat their calls, and tasks are retried once after a second."""
CALLS = (
    "RunJobFlow",
    "AddJobFlowSteps",
    "DescribeCluster",
    "DescribeStep",
    "ListClusters",
    "ListSteps",
    "TerminateJobFlows",
)
KINDS: dict[str, tuple[str, Fault]] = {
    "throttled": ("ThrottlingException", refused(400, "ThrottlingException")),
    "500": ("HTTP 500", refused(500, "InternalServerException")),
    "silent": ("no answer", unanswered(5)),
}


def _disturbed(call: str, kind: str) -> Scenario:
    words, fault = KINDS[kind]

    def play(trial: Trial) -> None:
        rule = trial.stack.emr.inject(fault, operation=call)
        trial.start()
        deadline = time.monotonic() + 90
        while not rule.hits and time.monotonic() < deadline and trial.airflow.state(trial.run) == "running":
            time.sleep(0.5)
        time.sleep(DISTURBED_S)
        trial.stack.emr.clear()

    return Scenario(f"emr.{call}.{kind}", f"{call}: {words} for {DISTURBED_S:.0f} s", play, recovery=CLEAR)


def _lost(call: str) -> Scenario:
    def play(trial: Trial) -> None:
        trial.stack.emr.inject(lost(), operation=call, times=1)
        trial.start()

    # The first scenario of the short form: it needs no publication before.
    return Scenario(
        f"emr.{call}.lost", f"the answer of {call} is lost", play, ("success",), NONE, published=call != "RunJobFlow"
    )


def _cancel_lost(trial: Trial) -> None:
    trial.stack.emr.inject(lost(), operation="CancelSteps", times=1)
    trial.start()
    trial.until("featurize_done", "deferred")
    trial.mark_task("featurize_done", "failed")


SCENARIOS = (
    *(_lost(call) for call in ("RunJobFlow", "AddJobFlowSteps", "TerminateJobFlows")),
    Scenario("emr.CancelSteps.lost", "the answer of CancelSteps is lost", _cancel_lost, ("failed",)),
    *(_disturbed(call, kind) for call in CALLS for kind in KINDS),
)
