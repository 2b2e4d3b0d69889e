"""The DAG emr_janitor and its command: real Airflow, with runs that were stopped, deleted or are active, and real EMR.

A test enters DAG runs into Airflow's metadata database in the state that a user has brought about, and launches
clusters with the request of the pipeline.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.dags.airflow_runs import RunDag
from tests.dags.conftest import emr_client
from tests.places import ROOT, of_long_form
from tests.plugins.conftest import bucket_settings
from verger.emr import requests
from verger.janitor import airflow_run_tag
from verger.run_id import run_id
from verger.s3 import clients
from verger.s3.clients import read_json
from verger.settings import Settings
from verger_contract.keys import janitor_record

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_s3 import S3Client

DAG_ID = "fruit_features"
ACTIVE = {"STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"}


@dataclass(frozen=True)
class Airflow:
    """An Airflow with the two DAGs, and clusters of its bucket."""

    run_dag: RunDag
    bucket: str
    emr: EMRClient
    s3: S3Client
    launched: dict[str, str]

    def enter(self, *lines: str) -> None:
        """Execute a program of `tests.dags.entered_runs` in this Airflow: one line is a command and its arguments."""
        command = [sys.executable, "-m", "tests.dags.entered_runs", *lines]
        with self.run_dag.start(command, {"VERGER_BUCKET": self.bucket}) as process:
            output, _ = process.communicate()
        assert process.returncode == 0, output

    def launch(self, name: str, dag_run: str, bucket: str = "", dag: str = DAG_ID, **environment: str) -> None:
        """Launch the cluster of a DAG run, as `create_cluster` does."""
        settings = Settings.from_environment({"VERGER_BUCKET": bucket or self.bucket} | environment)
        request = requests.cluster(
            settings,
            dag_id=dag,
            run_id=run_id(dag_run),
            artifacts="s3://orchard/artifacts/0",
            environment="/opt/v/0",
            airflow_run=airflow_run_tag.encode(dag_run),
        )
        self.launched[name] = self.emr.run_job_flow(**{**request, "BootstrapActions": []})["JobFlowId"]

    def active(self) -> set[str]:
        """Return the names of the clusters that are active."""
        return {name for name, cluster in self.launched.items() if self.state(cluster) in ACTIVE}

    def state(self, cluster: str) -> str:
        """Return EMR's state of a cluster."""
        return self.emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"]

    def sweep(self, **params: Any) -> str:
        """Run the DAG and return its log."""
        done = self.run_dag(self.bucket, dag="emr_janitor", params=params)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def command(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the command with this Airflow's environment."""
        command = [sys.executable, "-m", "verger.janitor", *arguments]
        path = {"PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"}
        with self.run_dag.start(command, {"VERGER_BUCKET": self.bucket} | path | environment) as process:
            output, _ = process.communicate()
        return subprocess.CompletedProcess(command, process.returncode, output)


@pytest.fixture(scope="module")
def started(run_dag: RunDag) -> Iterator[Airflow]:
    """Return one Airflow for all tests: a new metadata database takes as long as all of them."""
    with bucket_settings() as made:
        bucket = made.storage.bucket
        run_dag.prepare(bucket)
        yield Airflow(run_dag, bucket, emr_client(), clients.client(made.storage), {})


@pytest.fixture
def airflow(started: Airflow) -> Iterator[Airflow]:
    """Return the Airflow without active clusters."""
    yield started
    left = [started.launched[name] for name in started.active()]
    if left:
        started.emr.set_termination_protection(JobFlowIds=left, TerminationProtected=False)
        started.emr.terminate_job_flows(JobFlowIds=left)
    started.launched.clear()


def test_only_clusters_without_an_active_dag_run_are_terminated(airflow: Airflow) -> None:
    airflow.enter(
        "run=queued:queued",
        "run=running:running",
        "run=deferred:running:pca_done=deferred",
        # Every try of create_cluster was killed, or it was marked failed: its teardown is never executed.
        "run=create-failed:failed:create_cluster=failed",
        "run=teardown-marked:success:terminate_cluster=success",
        "run=deleted:running",
        "delete-run=deleted",
    )
    for name in ("queued", "running", "deferred", "create-failed", "teardown-marked", "deleted"):
        airflow.launch(name, name)
    airflow.launch("other bucket", "create-failed", bucket="other-orchard")
    airflow.launch("other airflow", "create-failed", VERGER_DEPLOYMENT="blue")
    airflow.launch("protected", "create-failed")
    airflow.emr.set_termination_protection(JobFlowIds=[airflow.launched["protected"]], TerminationProtected=True)
    before = airflow.active()
    unused = {"create-failed", "teardown-marked", "deleted"}

    listed = airflow.command()
    assert listed.returncode == 0, listed.stdout
    for name in before:
        assert (f"{airflow.launched[name]}: would be terminated" in listed.stdout) == (name in unused)
    assert airflow.active() == before, "a dry run changes nothing"

    log = airflow.sweep()
    assert airflow.active() == before - unused
    assert "its termination protection is on" in log
    for name in unused:
        record = read_json(airflow.s3, airflow.bucket, janitor_record(airflow.launched[name]))
        assert (record["dag"], record["dag_run"], record["run"]) == (DAG_ID, name, run_id(name))


def test_the_dag_in_a_dry_run_terminates_nothing(airflow: Airflow) -> None:
    airflow.launch("deleted", "deleted", dag="deleted_dag")
    assert f"{airflow.launched['deleted']}: would be terminated: DAG run deleted does not exist" in airflow.sweep(
        dry_run=True
    )
    assert airflow.active() == {"deleted"}


@of_long_form
def test_two_janitors_at_once_terminate_a_cluster_once(airflow: Airflow) -> None:
    airflow.enter("run=ended:failed", "run=still-running:running")
    airflow.launch("ended", "ended")
    airflow.launch("running", "still-running")
    with ThreadPoolExecutor() as pool:
        both = [pool.submit(airflow.command, "--terminate") for _ in range(2)]
    assert [done.result().returncode for done in both] == [0, 0]
    assert airflow.active() == {"running"}
    assert read_json(airflow.s3, airflow.bucket, janitor_record(airflow.launched["ended"]))["dag_run"] == "ended"


@of_long_form
def test_the_command_refuses_the_database_of_another_airflow(airflow: Airflow, tmp_path: Path) -> None:
    other = shutil.copy(airflow.run_dag.home / airflow.bucket / "airflow.db", tmp_path)
    with sqlite3.connect(other) as database:
        database.execute("DELETE FROM dag WHERE dag_id = 'emr_janitor'")
    airflow.enter("run=other-database:running")
    airflow.launch("running", "other-database")
    for path, message in (
        (other, "has no DAG emr_janitor; expected the database of the Airflow that launches the clusters"),
        (tmp_path / "no.db", "metadata database cannot be read"),
    ):
        refused = airflow.command("--terminate", AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{path}")
        assert refused.returncode == 1
        assert message in refused.stdout
    assert airflow.active() == {"running"}


def test_the_janitor_needs_only_its_own_settings_and_no_other_dag(tmp_path: Path) -> None:
    (tmp_path / "emr_janitor.py").write_text((ROOT / "dags/emr_janitor.py").read_text())
    program = (
        "from airflow.dag_processing.dagbag import DagBag; "
        f"bag = DagBag(dag_folder={str(tmp_path)!r}); print(bag.import_errors, sorted(bag.dags))"
    )
    environment = {"VERGER_BUCKET": "orchard", "VERGER_TARGET_VARIANCE": "7", "VERGER_WRONG": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": "/usr/bin:/bin", "AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(ROOT / "plugins")} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "{} ['emr_janitor']"


def test_a_deleted_dag_has_no_active_run(airflow: Airflow) -> None:
    # The last test: it deletes the DAG.
    airflow.enter("run=of-deleted-dag:running")
    airflow.launch("running", "of-deleted-dag")
    airflow.command("--terminate")
    assert airflow.active() == {"running"}
    airflow.enter("delete-dag=fruit_features")
    airflow.command("--terminate")
    assert airflow.active() == set()
