"""A run of the DAG from the files of `make mwaa`, with the packages of MWAA's image: `make test-mwaa`."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sample_photos.orchard import draw_orchard
from tests.dags.airflow_runs import RunDag
from tests.dags.conftest import emr_client
from tests.mwaa.conftest import Deployment
from tests.places import ROOT, STATE, of_long_form
from verger.s3 import artifacts
from verger.s3.clients import read_json
from verger.settings import Settings
from verger_contract.keys import PUBLISHED

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PROVIDER = importlib.metadata.version("apache-airflow-providers-amazon")
pytestmark = [
    pytest.mark.skipif(PROVIDER != "9.34.0", reason="runs in the environment of MWAA: make test-mwaa"),
]
LIKE_MWAA = {
    "AIRFLOW__CORE__EXECUTE_TASKS_NEW_PYTHON_INTERPRETER": "True",
    "AIRFLOW__SCHEDULER__STANDALONE_DAG_PROCESSOR": "True",
    "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
}
"""Variables that MWAA's image sets."""


def test_python_and_airflow_are_those_of_the_image() -> None:
    assert sys.version_info[:2] == (3, 12)
    assert importlib.metadata.version("apache-airflow") == "3.3.1"


def test_the_requirements_change_no_package_of_the_environment(deployed: Deployment, tmp_path: Path) -> None:
    deployed.write({"VERGER_BUCKET": "orchard"})
    text = (deployed.files / "requirements.txt").read_text()
    here = text.replace("/usr/local/airflow/dags/", f"{deployed.dags}/")
    assert here != text
    (tmp_path / "requirements.txt").write_text(here)
    done = subprocess.run(
        [STATE / "venv/uv/bin/uv", "pip", "install", "--offline", "--dry-run", "--python", sys.executable,
         "-r", tmp_path / "requirements.txt"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, "Would make no changes" in done.stderr) == (0, True), done.stderr


@pytest.fixture
def photos(client: S3Client, bucket: str, tmp_path: Path) -> int:
    """Upload drawn photos and return their number."""
    orchard = draw_orchard(tmp_path, 60)
    for path in orchard.folder.rglob("*.jpg"):
        client.put_object(Bucket=bucket, Key=f"images/{path.parent.name}/{path.name}", Body=path.read_bytes())
    return orchard.photos


@pytest.fixture
def variables(deployed: Deployment, settings: Settings, client: S3Client, tmp_path: Path) -> dict[str, str]:
    """Upload the artifact set, write the files, and return the variables of their startup script."""
    uploaded = artifacts.upload(client, settings.storage)  # as `python -m verger.s3 upload-artifacts` does
    ours = {"VERGER_POLL_SECONDS": "1", "VERGER_RETRIES": "0", "VERGER_NODE_ENV_DIR": str(tmp_path / "node")}
    found = deployed.write({"VERGER_BUCKET": settings.storage.bucket, **ours})
    assert found["VERGER_ARTIFACTS_URI"] == f"s3://{settings.storage.bucket}/artifacts/{uploaded.sha256}/"
    return found


@of_long_form
def test_the_dag_runs_from_the_files_and_verifies_the_set_in_the_bucket(
    deployed: Deployment, run_dag: RunDag, client: S3Client, photos: int, variables: dict[str, str]
) -> None:
    bucket, uri = variables["VERGER_BUCKET"], variables["VERGER_ARTIFACTS_URI"]
    before = listed(client, bucket)
    folders = {"AIRFLOW__CORE__DAGS_FOLDER": str(deployed.dags), "AIRFLOW__CORE__PLUGINS_FOLDER": str(deployed.plugins)}
    environment: dict[str, Any] = {"PYTHONPATH": "", **folders, **LIKE_MWAA, **variables}
    done = run_dag(bucket, **environment)

    assert done.returncode == 0, done.stdout
    published = read_json(client, bucket, PUBLISHED)
    assert published["photos"] == photos
    assert uri == f"s3://{bucket}/artifacts/{published['artifacts']}/"
    assert f"{uri}: imagenet weights, {len(before) - 1} files verified" in done.stdout
    assert listed(client, bucket) == before
    assert [cluster["Status"]["State"] for cluster in emr_client().list_clusters()["Clusters"]] == ["TERMINATED"]
    assert str(ROOT / "plugins") not in done.stdout


def listed(client: S3Client, bucket: str) -> dict[str, str]:
    """Return the ETags of the objects of artifact sets."""
    found = client.list_objects_v2(Bucket=bucket, Prefix="artifacts/")["Contents"]
    return {item["Key"]: item["ETag"] for item in found}
