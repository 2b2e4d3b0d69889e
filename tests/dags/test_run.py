"""Runs of the DAG that fail: `airflow dags test` with real Airflow and Spark, and local S3 and EMR servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.dags.airflow_runs import RunDag
from tests.places import long_form, of_long_form
from tests.plugins.snapshots import put_data, snapshot
from verger.clock import now
from verger.publication.commit import publish
from verger.publication.rollback import unpublish
from verger.s3.clients import read_json
from verger_contract.keys import Run

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def one_photo(client: S3Client, bucket: str) -> str:
    """Return a bucket whose only object under images/ is not an image."""
    client.put_object(Bucket=bucket, Key="images/Kiwi/1.jpg", Body=b"no photo")
    return bucket


@of_long_form
def test_a_run_with_few_photos_waits_for_more_when_a_setting_says_so(
    run_dag: RunDag, client: S3Client, one_photo: str, clusters: Callable[[], list[str]]
) -> None:
    earlier = snapshot("run-1")
    put_data(client, one_photo, earlier)
    publish(client, Run(one_photo, "run-1"), earlier, None)
    unpublish(client, one_photo, now())
    done = run_dag(one_photo, VERGER_WAIT_FOR_PHOTOS="500")
    assert done.returncode == 0, done.stdout
    assert clusters() == []
    assert "nothing to do yet: the run waits for more photos: 1 of 500 (VERGER_WAIT_FOR_PHOTOS)" in done.stdout
    (key,) = [key for key in keys_of(client, one_photo) if key.endswith("/plan.json")]
    plan = read_json(client, one_photo, key)
    assert (plan["work"], plan["waiting"]) == (False, True)


def keys_of(client: S3Client, bucket: str) -> list[str]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="runs/")
    return [item["Key"] for page in pages for item in page["Contents"]]


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"AWS_ACCESS_KEY_ID": "unknown"}, "published.json: may not be read"),
        long_form({"VERGER_ARTIFACTS_DIR": "/nonexistent"}, "/nonexistent/manifest.json: no artifact set"),
        long_form({"VERGER_BUCKET": "no-such-bucket"}, "s3://no-such-bucket: no such bucket"),
        long_form({"VERGER_IMAGES_PREFIX": "elsewhere/"}, "elsewhere/: expected photos in folders"),
    ],
)
def test_a_wrong_setup_is_an_error_before_a_cluster_is_launched(
    environment: dict[str, str], message: str, run_dag: RunDag, one_photo: str, clusters: Callable[[], list[str]]
) -> None:
    failed = run_dag(one_photo, at=None, params=None, **environment)
    assert failed.returncode != 0
    assert message in failed.stdout
    assert clusters() == []
