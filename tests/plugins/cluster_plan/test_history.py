"""The speed of a bucket is read from the runs whose snapshots are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plugins.snapshots import put_data, snapshot
from verger.cluster_plan.history import earlier_runs
from verger.cluster_plan.pace import EarlierRun
from verger.context import RunContext
from verger.publication.commit import publish
from verger.s3 import clients
from verger.s3.clients import write_json
from verger.settings import Settings
from verger.tables.parquet import Store
from verger_contract.keys import Run

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PLANNED = {"bytes": 500, "cores": 4.0}
METRICS = {"photos": 100, "seconds": {"featurize": 50.0}}


@pytest.fixture
def run_context(settings: Settings, client: S3Client, bucket: str) -> RunContext:
    return RunContext(Run(bucket, "next"), settings, client, Store(clients.filesystem(client), bucket))


def test_a_new_bucket_has_no_earlier_runs(run_context: RunContext) -> None:
    assert list(earlier_runs(run_context, "2-exact")) == []


def test_only_runs_with_the_same_preprocessing_count(run_context: RunContext, client: S3Client, bucket: str) -> None:
    published = snapshot("run-1")
    put_data(client, bucket, published)
    publish(client, Run(bucket, "run-1"), published, None)
    preprocessing = published.model["preprocessing"]
    assert list(earlier_runs(run_context, preprocessing)) == [], "an earlier Verger wrote no cluster.json"
    write_json(client, bucket, Run(bucket, "run-1").cluster, PLANNED)
    write_json(client, bucket, Run(bucket, "run-1").metrics("featurize"), METRICS)
    assert list(earlier_runs(run_context, preprocessing)) == [
        EarlierRun(photos=100, bytes=500, seconds=50.0, cores=4.0)
    ]
    assert list(earlier_runs(run_context, "other")) == []
