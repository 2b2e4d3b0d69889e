"""The DAG bag holds two DAGs. The graph of fruit_features is that of docs/architecture.md."""

from __future__ import annotations

import inspect
import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowFailException, ParamValidationError
from airflow.task.trigger_rule import TriggerRule

from tests.places import ROOT
from verger.dag_params import RESULTS

DAGS = ROOT / "dags"
CHAIN = [
    *("run_or_roll_back", "list_images", "anything_to_do", "stage_artifacts", "create_cluster", "cluster_ready"),
    *("featurize", "featurize_done", "check_features", "pca", "pca_done", "check_projections", "publish", "report"),
]
WAITING = {"cluster_ready", "featurize_done", "check_features", "pca_done", "check_projections", "terminate_cluster"}
HOUR = timedelta(hours=1)
EXECUTION_LIMITS = {
    **dict.fromkeys(("run_or_roll_back", "rollback", "stage_artifacts", "create_cluster"), 2 * HOUR),
    **dict.fromkeys(("featurize", "pca", "publish", "report", "vacuum", "outcome"), 2 * HOUR),
    **dict.fromkeys(("list_images", "anything_to_do"), 4 * HOUR),
    "publish_without_cluster": 4 * HOUR,
    **dict.fromkeys(("cluster_ready", "terminate_cluster"), 2 * HOUR + timedelta(minutes=45)),
    **dict.fromkeys(("featurize_done", "check_features", "pca_done", "check_projections"), 2 * HOUR + 12 * HOUR),
}


@pytest.fixture(scope="module")
def bag() -> Iterator[DagBag]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERGER_BUCKET", "orchard")
        yield DagBag(dag_folder=str(DAGS))


@pytest.fixture(scope="module")
def dag(bag: DagBag) -> Any:
    return bag.dags["fruit_features"]


def test_the_bag_holds_two_dags_and_no_import_errors(bag: DagBag) -> None:
    assert bag.import_errors == {}
    assert set(bag.dags) == {"fruit_features", "emr_janitor"}


def test_the_size_of_the_cluster_is_that_of_the_plan_when_the_task_runs(dag: Any) -> None:
    request = dag.get_task("create_cluster").job_flow_overrides
    found = {"fleets": request["Instances"]["InstanceFleets"], **request["AutoTerminationPolicy"]}
    assert {name: (value.operator.task_id, value.key) for name, value in found.items()} == {
        "fleets": ("anything_to_do", "fleets"),
        "IdleTimeout": ("anything_to_do", "idle_seconds"),
    }
    for name in ("featurize", "pca"):
        words = dag.get_task(name).steps[0]["HadoopJarStep"]["Args"]
        cores = words[words.index("--cores") + 1]
        assert "task_ids='anything_to_do'" in cores
        assert "key='cores'" in cores


def test_the_graph_is_one_chain_with_a_teardown(dag: Any) -> None:
    assert set(dag.task_ids) == {
        *CHAIN,
        "publish_without_cluster",
        "terminate_cluster",
        "rollback",
        "vacuum",
        "outcome",
    }
    for task, following in itertools.pairwise(CHAIN):
        assert following in dag.get_task(task).downstream_task_ids
    assert dag.get_task("report").downstream_task_ids == set()
    assert [task.task_id for task in dag.roots] == ["run_or_roll_back"]


def test_architecture_draws_the_graph_and_explains_every_task(dag: Any) -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    diagram = page.partition("```mermaid")[2].partition("```")[0].partition("subgraph")[0]
    chains = [re.sub(r"\{[^}]*\}", "", line).split(" --> ") for line in diagram.splitlines() if " --> " in line]
    arrows = {pair for chain in chains for pair in itertools.pairwise(name.strip() for name in chain)}
    assert {name for pair in arrows for name in pair} == set(dag.task_ids)
    for task, following in arrows:
        assert following in dag.get_task(task).downstream_task_ids, f"{task} --> {following}"
    rows = " ".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))
    assert set(dag.task_ids) <= set(re.findall(r"`(\w+)`", rows))


def test_vacuum_also_runs_when_there_is_nothing_to_do(dag: Any) -> None:
    vacuum = dag.get_task("vacuum")
    assert vacuum.upstream_task_ids == {"publish", "publish_without_cluster", "rollback"}
    assert vacuum.trigger_rule == TriggerRule.NONE_FAILED
    assert dag.get_task("anything_to_do").ignore_downstream_trigger_rules is False


def test_every_param_has_a_type_a_title_and_a_description(dag: Any) -> None:
    forms = {name: dag.params.get_param(name) for name in dag.params}
    assert all(form.description and form.schema.get("title") for form in forms.values())
    assert {name: form.schema.get("type", "enum") for name, form in forms.items()} == {
        "basis": "enum",
        "target_variance": "number",
        "full_refresh": "boolean",
        "retry_rejects": "boolean",
        "accept_deletions": "boolean",
        "accept_rejects": "boolean",
        "verify_all": "boolean",
        "launch_now": "boolean",
        "rollback_to": ["null", "string"],
    }
    dag.params.validate()
    for name, value in (
        ("basis", "never"),
        ("target_variance", 1.5),
        ("target_variance", 90),
        ("target_variance", 0),
        ("full_refresh", "yes"),
        ("rollback_to", "../../images"),
    ):
        with pytest.raises(ParamValidationError):
            forms[name].resolve(value)
    assert forms["target_variance"].resolve(1) == 1


def test_airflows_form_replaces_no_number_by_a_limit(dag: Any) -> None:
    """The form does so with `minimum` and `maximum`: a target of 90 would silently become 1."""
    schemas = [dag.params.get_param(name).schema for name in dag.params]
    assert not [schema for schema in schemas if {"minimum", "maximum"} & {*schema}]


def test_the_cluster_is_terminated_also_when_a_step_fails(dag: Any) -> None:
    teardown = dag.get_task("terminate_cluster")
    assert dag.get_task("create_cluster").is_setup
    assert teardown.is_teardown
    assert teardown.on_failure_fail_dagrun
    assert teardown.trigger_rule == TriggerRule.ALL_DONE_SETUP_SUCCESS
    # Right after the last step: no cluster runs while Airflow publishes.
    assert teardown.upstream_task_ids == {"create_cluster", "check_projections"}


def test_the_outcome_decides_the_state_of_the_run_whatever_a_user_marks(dag: Any) -> None:
    task = dag.get_task("outcome")
    assert task.is_teardown
    assert task.on_failure_fail_dagrun
    # Without a setup before it, Airflow runs a teardown also when all other tasks are skipped or have failed.
    assert task.trigger_rule == TriggerRule.ALL_DONE_SETUP_SUCCESS
    assert task.upstream_task_ids == {"publish", "publish_without_cluster", "rollback", "terminate_cluster"}
    assert not any(dag.get_task(before).is_setup for before in task.upstream_task_ids)
    assert task.downstream_task_ids == set()


@pytest.mark.parametrize("task_id", ["create_cluster", "featurize", "pca"])
def test_a_task_that_starts_paid_work_checks_that_the_run_is_unpublished(task_id: str, dag: Any) -> None:
    task = dag.get_task(task_id)
    assert "verger_run" in task.template_fields
    rendered = task.render_template(task.verger_run, {"run_id": "manual.1", **dag.user_defined_macros})
    assert (task.storage.bucket, rendered) == ("orchard", "manual.1")


def test_step_1_decodes_as_its_run_was_planned_and_not_as_the_settings_are_now(dag: Any) -> None:
    pulled: list[dict[str, str]] = []

    def xcom_pull(**of: str) -> str:
        pulled.append(of)
        return "scaled"

    task = dag.get_task("featurize")
    context = {"run_id": "manual.1", "task_instance": SimpleNamespace(xcom_pull=xcom_pull), **dag.user_defined_macros}
    words = task.render_template(task.steps, context)[0]["HadoopJarStep"]["Args"]
    assert words[words.index("--decoding") + 1] == "scaled"
    assert {"task_ids": "anything_to_do", "dag_id": "fruit_features", "key": "decoding"} in pulled


def test_an_error_of_verger_fails_every_python_task_without_retries(dag: Any) -> None:
    functions = {task.task_id: task.python_callable for task in dag.tasks if hasattr(task, "python_callable")}
    del functions["run_or_roll_back"]  # calls no code of Verger
    for task, function in functions.items():
        assert function.__code__.co_filename.endswith("airflow_errors.py"), task
    assert {task for task, function in functions.items() if inspect.isgeneratorfunction(function)} == {
        "publish",
        "publish_without_cluster",
        "rollback",
    }


@pytest.mark.parametrize("missing", [None, *RESULTS])
def test_no_task_goes_on_without_the_result_of_a_task_that_was_marked_as_success(missing: str, dag: Any) -> None:
    """The other tasks use no result. They run also after a failed run, or in a rollback."""
    results: dict[Any, Any] = {(name, key): {} for name, key in RESULTS.items() if name != missing}
    instance = SimpleNamespace(xcom_pull=lambda task, key: results.get((task, key)))
    stopped = {}
    for task in dag.tasks:
        try:
            task._pre_execute_hook({"task": task, "ti": instance})
        except AirflowFailException as error:
            stopped[task.task_id] = str(error)
    after = CHAIN[CHAIN.index(missing) + 1 : -1] if missing else []
    others = {"publish_without_cluster"} if missing in ("list_images", "anything_to_do") else set()
    message = f"{missing} has no result: a user marked it as success before its end; "
    assert stopped == dict.fromkeys((*after, *others), f"{message}clear {missing} with its downstream tasks")


def test_every_task_records_its_start_and_reports_its_failure(dag: Any) -> None:
    for task in dag.tasks:
        assert [callback.__name__ for callback in task.on_execute_callback] == ["note_start"]
        assert [callback.__name__ for callback in task.on_failure_callback] == ["report_failure"]


def test_every_task_has_a_stated_execution_limit(dag: Any) -> None:
    assert {task.task_id: task.execution_timeout for task in dag.tasks} == EXECUTION_LIMITS


@pytest.mark.parametrize(
    "task_id", ["cluster_ready", "featurize_done", "check_features", "pca_done", "check_projections"]
)
def test_a_sensor_may_run_longer_than_it_waits(task_id: str, dag: Any) -> None:
    sensor = dag.get_task(task_id)
    waits = timedelta(seconds=sensor.poke_interval * sensor.max_attempts)
    assert waits < sensor.execution_timeout
    assert waits <= timedelta(seconds=sensor.timeout)


def test_the_settings_limit_checks_and_waits() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERGER_BUCKET", "orchard")
        patch.setenv("VERGER_CHECK_MINUTES", "600")
        patch.setenv("VERGER_STEP_MINUTES", "2880")
        patch.setenv("VERGER_CLUSTER_MINUTES", "240")
        dag = DagBag(dag_folder=str(DAGS)).dags["fruit_features"]
    assert dag.get_task("anything_to_do").execution_timeout == 10 * HOUR
    assert dag.get_task("featurize_done").execution_timeout == 50 * HOUR
    assert dag.get_task("check_features").execution_timeout == 50 * HOUR
    assert dag.get_task("terminate_cluster").execution_timeout == 6 * HOUR


def test_create_does_not_wait_and_the_waiting_tasks_are_deferrable(dag: Any) -> None:
    assert dag.get_task("create_cluster").wait_for_completion is False
    assert {task.task_id for task in dag.tasks if getattr(task, "deferrable", False)} == WAITING


def test_one_run_is_active_at_a_time_without_catchup_and_the_dag_page_covers_every_task(dag: Any) -> None:
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    assert dag.schedule == "0 2 * * *"
    assert str(dag.timezone) == "Europe/Paris"
    assert {task for task in dag.task_ids if task not in dag.doc_md} == {"run_or_roll_back"}


@pytest.mark.parametrize("task", ["publish", "rollback"])
def test_the_publication_is_an_asset(task: str, dag: Any) -> None:
    (outlet,) = dag.get_task(task).outlets
    assert (outlet.name, outlet.uri) == ("fruit_features", "s3://orchard/published.json")


def parse(**environment: str) -> subprocess.CompletedProcess[str]:
    script = f"import sys; sys.path[:0] = [{str(DAGS)!r}, {str(ROOT / 'plugins')!r}]; import fruit_features; "
    heavy = "print(sorted({'pandas', 'pyarrow', 'numpy', 'matplotlib', 'PIL'} & set(sys.modules)))"
    return subprocess.run(
        [sys.executable, "-c", script + heavy],
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "AIRFLOW_HOME": "/tmp/none"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_setting_out_of_range_is_an_import_error() -> None:
    failed = parse(VERGER_BUCKET="orchard", VERGER_IDLE_TIMEOUT="5")
    assert failed.returncode != 0
    assert "SettingsError: VERGER_IDLE_TIMEOUT: is '5'; expected 60 to 604800" in failed.stderr


def test_parsing_imports_no_large_package() -> None:
    parsed = parse(VERGER_BUCKET="orchard")
    assert parsed.returncode == 0, parsed.stderr
    assert parsed.stdout.splitlines()[-1] == "[]"
