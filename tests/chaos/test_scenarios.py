"""The short form of `make chaos`: a fault against the whole DAG on a running Airflow; with FULL_CASES=1, two."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaos import catalogue, table
from chaos.campaign import Campaign
from chaos.faults.moments import TASKS
from tests.places import long_form


def test_the_scenarios_cover_the_tasks_of_the_dag(campaign: Campaign) -> None:
    found = campaign.stack.airflow.call("GET", "dags/fruit_features/tasks")["tasks"]
    others = {"run_or_roll_back", "rollback", "publish_without_cluster"}  # of a rollback, or of a run without a cluster
    assert {task["task_id"] for task in found} - others == set(TASKS)


@pytest.mark.parametrize("name", ["mark.run-failed.cluster_ready", long_form("emr.RunJobFlow.lost")])
def test_after_a_fault_all_rules_hold(campaign: Campaign, name: str) -> None:
    """The first fault hits the first run of the bucket, so that no run without a fault is needed before it."""
    (scenario,) = catalogue.chosen(name)
    row = campaign.play(replace(scenario, published=campaign.bucket.has_base))
    assert row.wrong == (), table.markdown([row])
