"""AddStep and StepDone: no step is submitted twice, progress is logged, failures name the error, a kill cancels."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from structlog.testing import capture_logs

from tests.plugins.emr.operators.conftest import (
    Add,
    Done,
    command_step,
    deferred_trigger,
    fire,
    step_after_deferral,
    step_state,
    wait_for,
)
from verger.emr.operators.cluster_ended import ClusterEndedError
from verger.s3 import clients
from verger.s3.errors import StorageError
from verger.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_s3 import S3Client

WriteProgress = Callable[[bytes], None]


@pytest.fixture
def write_progress(client: S3Client, bucket: str) -> WriteProgress:
    """Return a function that writes the run's progress.json."""

    def write(body: bytes) -> None:
        client.put_object(Bucket=bucket, Key="runs/run-1/progress.json", Body=body)

    return write


def all_steps(emr: EMRClient, cluster: str) -> list[str]:
    return [step["Id"] for step in emr.list_steps(ClusterId=cluster)["Steps"]]


def test_a_retry_reuses_a_step_that_is_pending_running_or_completed(
    add: Add, cluster: str, context: Any, emr: EMRClient
) -> None:
    first, second = command_step("one", "sleep", "1"), command_step("two", "true")
    (one,) = add(cluster, first).execute(context)
    (repeated,) = add(cluster, first).execute(context)
    assert repeated == one
    ids = add(cluster, second, first).execute(context)
    assert ids[1] == one
    assert sorted(all_steps(emr, cluster)) == sorted([one, ids[0]])
    wait_for(lambda: step_state(emr, cluster, ids[0]) == "COMPLETED")
    assert add(cluster, first, second).execute(context) == [one, ids[0]]


def test_a_submitted_step_has_a_record_in_the_folder_of_the_run(
    add: Add, cluster: str, context: Any, client: S3Client, settings: Settings
) -> None:
    bucket = settings.storage.bucket
    (step,) = add(cluster, command_step("one", "true")).execute(context)
    record = clients.read_json(client, bucket, f"runs/run-1/steps/{step}.json")
    assert (record["step"], record["cluster"], record["step_id"]) == ("featurize", cluster, step)


def test_a_record_that_cannot_be_written_is_a_warning(
    add: Add, cluster: str, context: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any) -> None:
        raise StorageError("s3://b/k: may not be written")

    monkeypatch.setattr("verger.emr.step_record.write_json", refuse)
    assert len(add(cluster, command_step("one", "true")).execute(context)) == 1
    assert "may not be written" in caplog.text


def test_a_record_without_an_s3_client_is_a_warning(
    add: Add, cluster: str, context: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = add(cluster, command_step("one", "true"))
    client, calls = clients.client, []

    def first_only(*arguments: Any, **limits: Any) -> Any:
        calls.append(arguments)
        if len(calls) > 1:
            raise ValueError("no such connection")
        return client(*arguments, **limits)

    monkeypatch.setattr("verger.s3.clients.client", first_only)
    assert len(made.execute(context)) == 1
    assert "no such connection" in caplog.text


def test_a_failed_step_is_submitted_again(add: Add, cluster: str, context: Any, emr: EMRClient) -> None:
    step = command_step("one", "false")
    (one,) = add(cluster, step).execute(context)
    wait_for(lambda: step_state(emr, cluster, one) == "FAILED")
    assert add(cluster, step).execute(context) != [one]


def test_no_step_is_submitted_for_a_published_run(
    add: Add, cluster: str, published: None, context: Any, emr: EMRClient
) -> None:
    with pytest.raises(AirflowFailException, match=r"^run run-1 is already published .*start a new run$"):
        add(cluster, command_step("one", "true")).execute(context)
    assert all_steps(emr, cluster) == []


def test_the_error_names_an_ended_cluster_and_emrs_reason(add: Add, cluster: str, context: Any, emr: EMRClient) -> None:
    emr.terminate_job_flows(JobFlowIds=[cluster])
    wait_for(lambda: emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"] == "TERMINATED")
    with pytest.raises(ClusterEndedError) as caught:
        add(cluster, command_step("one", "true")).execute(context)
    assert (
        f"cluster {cluster}: expected an active cluster for the step featurize, found TERMINATED (USER_REQUEST: "
        in str(caught.value)
    )
    assert "clear create_cluster and the tasks downstream of it, and raise VERGER_IDLE_MARGIN" in str(caught.value)


def test_a_killed_add_step_task_cancels_its_own_steps(add: Add, cluster: str, context: Any, emr: EMRClient) -> None:
    (running,) = add(cluster, command_step("one", "sleep", "100")).execute(context)
    task = add(cluster, command_step("two", "sleep", "100"))
    (waiting,) = task.execute(context)
    task.on_kill()
    wait_for(lambda: step_state(emr, cluster, waiting) == "CANCELLED")
    assert step_state(emr, cluster, running) in ("PENDING", "RUNNING")


def test_a_completed_step_ends_the_task(add: Add, done: Done, cluster: str, context: Any) -> None:
    request = step_after_deferral("one")
    (step,) = add(cluster, request).execute(context)
    sensor = done(cluster, step, request)
    event = fire(deferred_trigger(sensor.execute, context))
    assert event == {"status": "success", "message": "COMPLETED", "job_flow_id": cluster, "step_id": step}
    sensor.execute_complete(context, event)
    sensor.execute(context)


def test_progress_is_logged_while_the_step_runs(
    add: Add, done: Done, cluster: str, context: Any, write_progress: WriteProgress
) -> None:
    stamps = {"started_at": "2026-11-23T02:00:00+00:00", "updated_at": "2026-11-23T02:01:24+00:00"}
    progress = {"step": "featurize", "done": 12400, "total": 23619, **stamps}
    write_progress(json.dumps(progress).encode())
    request = step_after_deferral("one", then="sleep 4")
    (step,) = add(cluster, request).execute(context)
    trigger = deferred_trigger(done(cluster, step, request).execute, context)
    with capture_logs() as logged:
        fire(trigger)
    lines = [entry["event"] for entry in logged if entry["event"].startswith("featurize")]
    assert lines == ["featurize 12,400/23,619 52 % 148 img/s ETA 76 s"]


@pytest.mark.parametrize("body", [None, b"", b"{}", b"[1]", b"\xff"])
def test_the_state_is_logged_when_progress_cannot_be_read(
    *, body: bytes | None, add: Add, done: Done, cluster: str, context: Any, write_progress: WriteProgress
) -> None:
    if body is not None:
        write_progress(body)
    request = step_after_deferral("one", then="sleep 6")
    (step,) = add(cluster, request).execute(context)
    trigger = deferred_trigger(done(cluster, step, request).execute, context)
    with capture_logs() as logged:
        fire(trigger)
    lines = [entry["event"] for entry in logged if entry["event"].startswith("featurize")]
    assert lines[-1] == "featurize RUNNING"


def test_a_failed_step_fails_the_task_with_its_last_error(
    add: Add, done: Done, cluster: str, context: Any, settings: Settings
) -> None:
    words = "echo working >&2; echo 'verger: error: no photo could be read' >&2; exit 1"
    request = step_after_deferral("one", then=words)
    (step,) = add(cluster, request).execute(context)
    sensor = done(cluster, step, request)
    event = fire(deferred_trigger(sensor.execute, context))
    log = f"s3://{settings.storage.bucket}/logs/{cluster}/steps/{step}/stderr.gz"
    with pytest.raises(AirflowFailException) as caught, capture_logs() as logged:
        sensor.execute_complete(context, event)
    assert str(caught.value) == (
        f"featurize step {step} of {cluster} is FAILED: verger: error: no photo could be read (log: {log})"
    )
    assert f"last lines of {log}:\nworking\nverger: error: no photo could be read" in [
        entry["event"] for entry in logged
    ]


def test_a_step_that_a_user_cancelled_fails_the_task_without_a_wait_for_its_log(
    add: Add, done: Done, cluster: str, context: Any, emr: EMRClient
) -> None:
    request = command_step("one", "sleep", "100")
    (step,) = add(cluster, request).execute(context)
    sensor = done(cluster, step, request)
    trigger = deferred_trigger(sensor.execute, context)
    emr.cancel_steps(ClusterId=cluster, StepIds=[step], StepCancellationOption="TERMINATE_PROCESS")
    event = fire(trigger)
    with pytest.raises(AirflowFailException, match="is CANCELLED"):
        sensor.execute_complete(context, event)


def test_a_kill_during_the_deferral_cancels_the_step(
    add: Add, done: Done, cluster: str, context: Any, emr: EMRClient
) -> None:
    request = command_step("one", "sleep", "100")
    (step,) = add(cluster, request).execute(context)
    trigger = deferred_trigger(done(cluster, step, request).execute, context)
    asyncio.run(trigger.on_kill())
    wait_for(lambda: step_state(emr, cluster, step) == "CANCELLED")


def test_a_kill_on_the_worker_cancels_the_step(
    add: Add, done: Done, cluster: str, context: Any, emr: EMRClient
) -> None:
    request = command_step("one", "sleep", "100")
    (step,) = add(cluster, request).execute(context)
    done(cluster, step, request).on_kill()
    wait_for(lambda: step_state(emr, cluster, step) == "CANCELLED")


@pytest.mark.parametrize(
    ("minutes", "message"),
    [
        ("", "waited 2 s; featurize (PENDING|RUNNING); see VERGER_STEP_MINUTES"),
        ("1", "waited 4 s; featurize (PENDING|RUNNING); its limit: 1 minutes; see VERGER_STEP_MINUTES"),
    ],
)
def test_a_step_that_takes_too_long_fails_the_task_without_another_deferral(
    *, minutes: str, message: str, add: Add, done: Done, cluster: str, context: Any
) -> None:
    """Four polls are those of a minute with the default of VERGER_POLL_SECONDS; the test polls every second."""
    request = command_step("one", "sleep", "100")
    (step,) = add(cluster, request).execute(context)
    sensor = done(cluster, step, request)
    sensor.max_attempts, sensor.minutes = 2, minutes
    event = fire(deferred_trigger(sensor.execute, context))
    with pytest.raises(AirflowFailException, match=f"is not done: {message}$"):
        sensor.execute_complete(context, event)
