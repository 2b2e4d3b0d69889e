"""The DAG bag holds exactly our DAGs, and their graph is the one in docs/architecture.md."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import ParamValidationError
from airflow.task.trigger_rule import TriggerRule

from tests.places import ROOT

DAGS = ROOT / "dags"
CHAIN = [
    *("run_or_roll_back", "list_images", "anything_to_do", "stage_artifacts", "create_cluster", "cluster_ready"),
    *("featurize", "featurize_done", "check_features", "pca", "pca_done", "check_projections", "publish", "report"),
]
WAITING = {"cluster_ready", "featurize_done", "pca_done", "terminate_cluster"}


@pytest.fixture(scope="module")
def bag() -> Iterator[DagBag]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERGER_BUCKET", "orchard")
        yield DagBag(dag_folder=str(DAGS))


@pytest.fixture(scope="module")
def dag(bag: DagBag) -> Any:
    return bag.dags["fruit_features"]


def test_the_bag_holds_exactly_what_we_ship(bag: DagBag) -> None:
    assert bag.import_errors == {}
    assert set(bag.dags) == {"fruit_features"}


def test_the_graph_is_one_chain_with_a_teardown(dag: Any) -> None:
    assert set(dag.task_ids) == {*CHAIN, "terminate_cluster", "rollback", "vacuum"}
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


def test_what_is_not_needed_any_more_is_removed_also_when_there_was_nothing_to_do(dag: Any) -> None:
    vacuum = dag.get_task("vacuum")
    assert vacuum.upstream_task_ids == {"publish", "rollback"}
    assert vacuum.trigger_rule == TriggerRule.NONE_FAILED
    assert dag.get_task("anything_to_do").ignore_downstream_trigger_rules is False


def test_a_run_started_by_hand_has_a_form_of_typed_and_described_parameters(dag: Any) -> None:
    forms = {name: dag.params.get_param(name) for name in dag.params}
    assert all(form.description and form.schema.get("title") for form in forms.values())
    assert {name: form.schema.get("type", "enum") for name, form in forms.items()} == {
        "basis": "enum",
        "target_variance": "number",
        "full_refresh": "boolean",
        "retry_rejects": "boolean",
        "accept_deletions": "boolean",
        "rollback_to": ["null", "string"],
    }
    dag.params.validate()
    for name, value in {
        "basis": "never",
        "target_variance": 1.5,
        "full_refresh": "yes",
        "rollback_to": "../../images",
    }.items():
        with pytest.raises(ParamValidationError):
            forms[name].resolve(value)


def test_the_cluster_is_ended_whatever_happened_to_the_steps(dag: Any) -> None:
    teardown = dag.get_task("terminate_cluster")
    assert dag.get_task("create_cluster").is_setup
    assert teardown.is_teardown
    assert teardown.on_failure_fail_dagrun
    assert teardown.trigger_rule == TriggerRule.ALL_DONE_SETUP_SUCCESS
    # After the last step: nobody pays for a cluster while Airflow checks and publishes.
    assert teardown.upstream_task_ids == {"create_cluster", "pca_done"}


@pytest.mark.parametrize("stage", ["create_cluster", "featurize", "pca"])
def test_whatever_begins_work_first_looks_whether_its_run_is_published(stage: str, dag: Any) -> None:
    task = dag.get_task(stage)
    assert "verger_run" in task.template_fields
    rendered = task.render_template(task.verger_run, {"run_id": "nightly.1", **dag.user_defined_macros})
    assert (task.storage.bucket, rendered) == ("orchard", "nightly.1")


def test_every_task_notes_when_it_began_and_reports_its_failure(dag: Any) -> None:
    for task in dag.tasks:
        assert [callback.__name__ for callback in task.on_execute_callback] == ["note_start"]
        assert [callback.__name__ for callback in task.on_failure_callback] == ["report_failure"]


def test_create_does_not_wait_and_what_waits_is_deferred(dag: Any) -> None:
    assert dag.get_task("create_cluster").wait_for_completion is False
    assert {task.task_id for task in dag.tasks if getattr(task, "deferrable", False)} == WAITING


def test_the_dag_runs_alone_never_catches_up_and_has_its_manual(dag: Any) -> None:
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    assert dag.schedule == "0 2 * * *"
    assert str(dag.timezone) == "Europe/Paris"
    assert {task for task in dag.task_ids if task not in dag.doc_md} == {"run_or_roll_back"}


@pytest.mark.parametrize("task", ["publish", "rollback"])
def test_publication_is_an_asset(task: str, dag: Any) -> None:
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


def test_a_setting_out_of_range_fails_when_the_dag_is_parsed() -> None:
    failed = parse(VERGER_BUCKET="orchard", VERGER_IDLE_TIMEOUT="5")
    assert failed.returncode != 0
    assert "SettingsError: VERGER_IDLE_TIMEOUT: is '5'; expected 60 to 604800" in failed.stderr


def test_parsing_imports_nothing_heavy() -> None:
    parsed = parse(VERGER_BUCKET="orchard")
    assert parsed.returncode == 0, parsed.stderr
    assert parsed.stdout.splitlines()[-1] == "[]"
