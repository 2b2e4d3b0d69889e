"""The trigger of a sensor polls for the complete waiting time, and Airflow's timeout of the trigger is longer."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.sdk.exceptions import TaskDeferred

from tests.plugins.emr.operators.conftest import CONNECTION
from verger.emr.operators.deferral import defer
from verger.emr.operators.step_done import StepDone
from verger.emr.triggers.step import StepTrigger
from verger.settings import Settings


def test_a_sensor_waits_longer_than_its_execution_timeout() -> None:
    settings = Settings.from_environment({"VERGER_BUCKET": "orchard"})
    sensor = StepDone(
        task_id="featurize_done",
        job_flow_id="j-1",
        step_id="s-1",
        settings=settings,
        step="featurize",
        request={},
        cluster_request={},
        cluster_retries=0,
        verger_run="run-1",
        poke_interval=settings.schedule.poll_seconds,
        max_attempts=settings.schedule.attempts(settings.schedule.step_minutes),
        execution_timeout=timedelta(hours=2),
        **CONNECTION,
    )
    with pytest.raises(TaskDeferred) as deferred:
        defer(
            sensor,
            StepTrigger,
            outage_seconds=60,
            step="featurize",
            bucket="orchard",
            progress_key="runs/run-1/progress.json",
            job_flow_id="j-1",
            step_id="s-1",
        )
    trigger = deferred.value.trigger
    assert isinstance(trigger, StepTrigger)
    assert timedelta(seconds=trigger.attempts * trigger.waiter_delay) == timedelta(hours=12)
    assert deferred.value.timeout == timedelta(hours=12, minutes=1)
