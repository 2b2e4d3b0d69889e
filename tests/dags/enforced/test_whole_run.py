"""The DAGs under the policies of the template, with temporary credentials that end after seconds."""

from __future__ import annotations

from collections import defaultdict

import pytest

from local_aws.iam.account import ADMINISTRATOR, AIRFLOW, AIRFLOW_USER, NODES
from tests.dags.enforced.conftest import LOST_RUN, NEW, PHOTOS, Runs
from tests.dags.enforced.runs import BUCKET
from tests.places import of_long_form
from verger.s3.clients import read_json
from verger_contract.keys import Run

pytestmark = of_long_form


@pytest.mark.parametrize("name", ["first", "second", "rollback", "janitor"])
def test_the_run_succeeds(runs: Runs, name: str) -> None:
    assert runs.done[name].returncode == 0, runs.done[name].stdout[-5000:]


def test_no_request_of_a_good_run_is_denied(runs: Runs) -> None:
    denied = [decision for decision in runs.decisions if not decision.allowed]
    assert denied == []


def test_the_runs_publish_the_photos_of_the_bucket(runs: Runs) -> None:
    first, second, back = (runs.published[name] for name in ("first", "second", "rollback"))
    assert (first["photos"], second["photos"], back["photos"]) == (PHOTOS, PHOTOS + NEW - 1, PHOTOS)
    assert (back["run"], back["pca"]) == (first["run"], first["pca"])


def test_a_run_with_much_work_launches_more_workers_and_compares_plan_and_use(runs: Runs) -> None:
    """The pace is that of the first run of the bucket, whose metrics say that it was slow."""
    first, second = (Run(BUCKET, runs.published[name]["run"]) for name in ("first", "second"))
    planned = [read_json(runs.s3, BUCKET, run.cluster) for run in (first, second)]
    assert [(plan["core"], plan["task"], plan["runs"]) for plan in planned] == [(1, 1, 0), (2, 1, 1)]
    report = read_json(runs.s3, BUCKET, second.report_facts)
    assert (report["planned"]["workers"], report["planned"]["photos"]) == (3, NEW)
    assert report["planned"]["minutes"] == planned[1]["minutes"] > report["planned"]["took_minutes"] > 0
    assert report["planned"]["cost"] == planned[1]["cost"] > report["cost"]["estimated_cost"] > 0
    assert {(node["type"], node["market"], node["count"]) for node in report["cost"]["nodes"]} == {
        ("m6i.xlarge", "ON_DEMAND", 1),
        ("c6i.xlarge", "ON_DEMAND", 2),
        ("c6i.xlarge", "SPOT", 1),
    }
    assert f"2 core and 1 task nodes for {NEW} photos: about " in runs.done["second"].stdout


def test_vacuum_deletes_all_versions_of_a_lost_run(runs: Runs) -> None:
    prefix = f"features/run={LOST_RUN}/"
    versions = runs.s3.list_object_versions(Bucket=BUCKET, Prefix=prefix)
    assert (versions.get("Versions", []), versions.get("DeleteMarkers", [])) == ([], [])
    assert runs.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []


def test_nodes_and_airflow_use_their_own_credentials_only(runs: Runs) -> None:
    principals = {decision.principal for decision in runs.decisions}
    assert principals == {ADMINISTRATOR, AIRFLOW_USER, AIRFLOW, NODES}
    assert {decision.action for decision in runs.decisions if decision.principal == AIRFLOW_USER} == {"sts:AssumeRole"}


def test_every_client_renews_its_credentials(runs: Runs) -> None:
    """Each session ends after seconds. The clients are obstore, S3A and boto3 on the nodes, and boto3 in Airflow."""
    keys: dict[tuple[str, str], set[str]] = defaultdict(set)
    for decision in runs.decisions:
        keys[decision.principal, decision.agent].add(decision.key_id)
    renewing = {client: len(found) for client, found in keys.items() if client[0] in (NODES, AIRFLOW)}
    assert len(renewing) >= 4
    assert [client for client, count in renewing.items() if count < 2] == []
