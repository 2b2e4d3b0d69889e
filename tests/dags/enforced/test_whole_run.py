"""The DAGs under the policies of the template, with temporary credentials that end after seconds."""

from __future__ import annotations

from collections import defaultdict

import pytest

from local_aws.iam.account import ADMINISTRATOR, AIRFLOW, AIRFLOW_USER, NODES
from tests.dags.enforced.conftest import LOST_RUN, NEW, PHOTOS, Runs
from tests.dags.enforced.runs import BUCKET

pytestmark = pytest.mark.timeout(900)


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
