"""VerifyStep: it submits a step for the present attempts, waits for it, and fails with the reasons of its verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from tests.plugins.emr.operators.conftest import CONNECTION, deferred_trigger, fire, step_after_deferral
from tests.plugins.plans import plan
from verger.checks import verdict
from verger.context import RunContext
from verger.emr.operators.verify_step import VerifyStep
from verger.settings import Settings
from verger.validation.record import record
from verger_contract.keys import Run
from verger_contract.verification.check import Check
from verger_contract.verification.verdict import VERIFY_FEATURES

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient

Verify = Callable[..., VerifyStep]
RUN = "run-1"
STEP = step_after_deferral(f"verify_features {RUN}")


@pytest.fixture
def run_context(settings: Settings, guard: dict[str, Any]) -> RunContext:
    """A run whose step 1 has completed with the attempt 0a1b2c3d."""
    found = RunContext.of(settings, RUN)
    found.write_json(found.run.metrics("featurize"), {"attempt": "0a1b2c3d", "outputs": {}})
    return found


@pytest.fixture
def verify(settings: Settings, overrides: dict[str, Any], run_context: RunContext) -> Verify:
    """Return a function that makes the task. `conclude` records the checks of the verdict."""

    def conclude(of_run: RunContext, _: Any) -> None:
        attempt = replace(of_run, run=Run(of_run.run.bucket, RUN, featurize_attempt="0a1b2c3d"))
        record(of_run.client, of_run.run, "features", verdict(attempt, VERIFY_FEATURES).checks)

    def make(cluster: str) -> VerifyStep:
        return VerifyStep(
            task_id="check_features",
            job_flow_id=cluster,
            plan=asdict(plan()),
            verified=["featurize"],
            conclude=conclude,
            settings=replace(settings, schedule=replace(settings.schedule, step_retries=0)),
            step=VERIFY_FEATURES,
            request=STEP,
            cluster_request=overrides,
            cluster_retries=0,
            verger_run=RUN,
            poke_interval=1,
            max_attempts=60,
            **CONNECTION,
        )

    return make


def write_verdict(run_context: RunContext, *, passed: bool = True, attempt: str = "0a1b2c3d") -> None:
    check = Check("every number finite", passed, "neither NaN nor infinite", "1 other rows", "images/Kiwi/1.jpg")
    document = {"checks": [asdict(check)], "verified": {"featurize": attempt}, "file_lists": {}, "measured": None}
    run_context.write_json(run_context.run.metrics(VERIFY_FEATURES), document)


def commands(emr: EMRClient, cluster: str) -> list[list[str]]:
    return [step["Config"]["Args"] for step in emr.list_steps(ClusterId=cluster)["Steps"]]


def test_the_step_is_submitted_for_the_present_attempt_and_its_verdict_is_read(
    verify: Verify, cluster: str, context: Any, run_context: RunContext, emr: EMRClient
) -> None:
    trigger = deferred_trigger(verify(cluster).execute, context)
    submitted = [*STEP["HadoopJarStep"]["Args"], "--of-attempts", "featurize:0a1b2c3d"]
    assert commands(emr, cluster) == [submitted]
    write_verdict(run_context)
    verify(cluster).execute_complete(context, fire(trigger))
    rows = run_context.read_json(run_context.run.validation)["features"]
    assert [row["name"] for row in rows] == ["every number finite"]


def test_a_failed_check_fails_the_task_with_its_reason(
    verify: Verify, cluster: str, context: Any, run_context: RunContext
) -> None:
    trigger = deferred_trigger(verify(cluster).execute, context)
    write_verdict(run_context, passed=False)
    with pytest.raises(AirflowFailException, match=r"every number finite: expected .*; images/Kiwi/1\.jpg"):
        verify(cluster).execute_complete(context, fire(trigger))


def test_a_cleared_task_reads_the_verdict_without_a_cluster(
    verify: Verify, context: Any, run_context: RunContext
) -> None:
    context["ti"].try_number = 2
    write_verdict(run_context)
    verify("None").execute(context)
    write_verdict(run_context, passed=False)
    with pytest.raises(AirflowFailException, match="every number finite"):
        verify("None").execute(context)


def test_the_verdict_on_another_attempt_is_not_used(
    verify: Verify, cluster: str, context: Any, run_context: RunContext, emr: EMRClient
) -> None:
    write_verdict(run_context, attempt="1111aaaa")
    trigger = deferred_trigger(verify(cluster).execute, context)
    assert len(commands(emr, cluster)) == 1
    with pytest.raises(AirflowFailException, match=r"expected the verdict on .*0a1b2c3d.*clear check_features"):
        verify(cluster).execute_complete(context, fire(trigger))


def test_a_step_without_a_verdict_says_what_to_clear(
    verify: Verify, cluster: str, context: Any, run_context: RunContext
) -> None:
    trigger = deferred_trigger(verify(cluster).execute, context)
    with pytest.raises(AirflowFailException, match=r"verify_features\.json: expected the metrics .* found none"):
        verify(cluster).execute_complete(context, fire(trigger))


def test_step_1_must_have_completed(verify: Verify, cluster: str, context: Any, run_context: RunContext) -> None:
    run_context.write_json(run_context.run.metrics("featurize"), {"running": {"attempt": "0a1b2c3d"}})
    with pytest.raises(AirflowFailException, match="the newest attempt of the step has not completed"):
        verify(cluster).execute(context)
