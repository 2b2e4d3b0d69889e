"""The whole DAG by `airflow dags test`: real Airflow, real S3 and EMR servers, real Spark."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.amazon.aws.hooks.emr import EmrHook

from tests.places import ROOT, real_photos
from verger.paths import PUBLISHED
from verger.s3 import read_json

pytestmark = pytest.mark.timeout(400)

RunDag = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def run_dag(stack: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDag:
    """Runs fruit_features in an Airflow of its own; the answer's stdout holds the whole log."""
    home = tmp_path_factory.mktemp("airflow")

    def airflow(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        ours = {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "VERGER_NODE_ENV_DIR": str(home / "node"),
            "VERGER_POLL_SECONDS": "1",
            "VERGER_RETRIES": "0",
            "VERGER_LOG_WAIT_SECONDS": "20",
            "COLUMNS": "200",
        }
        command = [str(Path(sys.executable).with_name("airflow")), *arguments]
        return subprocess.run(
            command,
            env=os.environ | ours | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def run(bucket: str, **environment: str) -> subprocess.CompletedProcess[str]:
        if not (home / "airflow.db").exists():
            assert airflow("db", "migrate").returncode == 0
        reserialized = airflow("dags", "reserialize", VERGER_BUCKET=bucket)
        assert reserialized.returncode == 0, reserialized.stdout
        return airflow("dags", "test", "fruit_features", **{"VERGER_BUCKET": bucket} | environment)

    return run


@pytest.fixture
def clusters(stack: Path) -> Callable[[], list[str]]:
    """States of the clusters that were launched since the test began."""
    emr = EmrHook(aws_conn_id="aws_default", region_name="eu-west-3").conn

    def listed() -> dict[str, str]:
        return {cluster["Id"]: cluster["Status"]["State"] for cluster in emr.list_clusters()["Clusters"]}

    before = listed()
    return lambda: [state for cluster, state in listed().items() if cluster not in before]


@pytest.fixture
def one_photo(client: Any, bucket: str) -> str:
    """A bucket whose only photo is none."""
    client.put_object(Bucket=bucket, Key="images/Kiwi/1.jpg", Body=b"no photo")
    return bucket


def upload(client: Any, bucket: str, folder: Path) -> int:
    photos = [path for path in folder.rglob("*") if path.is_file()]
    for path in photos:
        client.put_object(Bucket=bucket, Key=path.relative_to(folder).as_posix(), Body=path.read_bytes())
    return len(photos)


def test_photos_become_a_publication_and_the_cluster_is_gone(
    run_dag: RunDag, client: Any, bucket: str, clusters: Callable[[], list[str]], tmp_path: Path
) -> None:
    photos = upload(client, bucket, real_photos(tmp_path, every=200, limit=100))
    client.put_object(Bucket=bucket, Key="images/Kiwi/empty.jpg", Body=b"")
    done = run_dag(bucket)
    assert done.returncode == 0, done.stdout
    assert clusters() == ["TERMINATED"]
    published = read_json(client, bucket, PUBLISHED)
    assert (published["photos"], published["rejected"]) == (photos, 1)
    run = published["run"]
    facts = read_json(client, bucket, f"runs/{run}/report.json")
    assert facts["checks"].keys() == {"features", "pca"}
    assert all(row["passed"] for rows in facts["checks"].values() for row in rows)
    assert facts["rejects"] == {"empty file": 1}
    assert [stage["stage"] for stage in facts["stages"]][:3] == ["list_images", "anything_to_do", "stage_artifacts"]
    assert f"featurize {photos + 1}/{photos + 1} 100 %" in done.stdout


def test_a_step_that_fails_ends_the_cluster_and_publishes_nothing(
    run_dag: RunDag, client: Any, one_photo: str, clusters: Callable[[], list[str]]
) -> None:
    done = run_dag(one_photo)
    assert done.returncode != 0
    assert clusters() == ["TERMINATED"]
    assert read_json(client, one_photo, PUBLISHED) is None
    assert "is FAILED: verger: error: " in done.stdout


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"AWS_ACCESS_KEY_ID": "nobody"}, "published.json: may not be read"),
        ({"VERGER_BUCKET": "no-such-bucket"}, "s3://no-such-bucket: no such bucket"),
        ({"VERGER_IMAGES_PREFIX": "elsewhere/"}, "elsewhere/: expected photos in folders"),
        ({"VERGER_ARTIFACTS_DIR": "/nonexistent"}, "/nonexistent/manifest.json: no artifact set"),
    ],
)
def test_what_can_be_known_before_is_said_before_any_cluster(
    environment: dict[str, str], message: str, run_dag: RunDag, one_photo: str, clusters: Callable[[], list[str]]
) -> None:
    failed = run_dag(one_photo, **environment)
    assert failed.returncode != 0
    assert message in failed.stdout
    assert clusters() == []
