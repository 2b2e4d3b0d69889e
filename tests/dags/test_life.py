"""A week in the life of a bucket of real photographs: the whole DAG in real Airflow, with real S3, EMR and Spark.

A first run fails in step 2 and is tried again; photos come, change and go; a run is killed; the next one does what is
to be done and no more; a run without anything to do launches no cluster; another DAG trains on what was published; at
last everything is rolled back.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.amazon.aws.hooks.emr import EmrHook

import verger_reader
from tests.dags.airflow_runs import AIRFLOW, RunDag
from tests.dags.conftest import cluster_states
from tests.places import ROOT, real_photos
from tests.plugins.orchard import run_prefixes
from verger.s3.clients import read_json
from verger_contract.keys import PUBLISHED

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.timeout(600)

MONDAY, TUESDAY = "2026-11-23T02:00:00+00:00", "2026-11-24T02:00:00+00:00"
FIRST, NEW, CHANGED, DELETED = 700, 7, 3, 5


@dataclass
class Night:
    """One run: what it said, and the bucket after it."""

    code: int
    said: str
    published: dict[str, Any] | None
    clusters: list[str]
    keys: dict[str, str]
    """Key to ETag of everything but photos."""


@dataclass
class Week:
    """Runs the DAG over the bucket, and remembers each run by its name."""

    run_dag: RunDag
    client: S3Client
    bucket: str
    nights: dict[str, Night] = field(default_factory=dict)
    photos: dict[str, bytes] = field(default_factory=dict)

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=content)
        self.photos[key] = content

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=key)
        del self.photos[key]

    def night(self, name: str, **how: Any) -> None:
        before, started = cluster_states(), time.monotonic()
        done = self.run_dag(self.bucket, **how)
        print(f"{name}: {time.monotonic() - started:.0f} s")
        new = [state for cluster, state in cluster_states().items() if cluster not in before]
        published = read_json(self.client, self.bucket, PUBLISHED)
        self.nights[name] = Night(done.returncode, done.stdout, published, new, self.listing())

    def listing(self) -> dict[str, str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        items = (item for page in pages for item in page.get("Contents", ()))
        return {item["Key"]: item["ETag"] for item in items if not item["Key"].startswith("images/")}

    def kill_in_step_1(self) -> None:
        """kill -9 of Airflow as a whole while the step runs; nobody is left to end the cluster but its idle timeout."""
        with self.run_dag.start(
            [*AIRFLOW, "dags", "test", "fruit_features"], {"VERGER_BUCKET": self.bucket}
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if "featurize RUNNING" in line:
                    os.killpg(process.pid, signal.SIGKILL)
        emr = EmrHook(aws_conn_id="aws_default", region_name="eu-west-3").conn
        left = [cluster["Id"] for cluster in emr.list_clusters(ClusterStates=["RUNNING", "WAITING"])["Clusters"]]
        assert left
        emr.terminate_job_flows(JobFlowIds=left)
        emr.get_waiter("cluster_terminated").wait(ClusterId=left[0], WaiterConfig={"Delay": 1, "MaxAttempts": 60})


@pytest.fixture(scope="module")
def week(stack: Path, run_dag: RunDag, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Week]:
    from tests.plugins.conftest import bucket_settings
    from verger.s3 import clients

    folder = real_photos(tmp_path_factory.mktemp("photos"), every=33, limit=FIRST + NEW)
    photos = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.jpg"))}
    assert len(photos) == FIRST + NEW
    with bucket_settings() as settings:
        week = Week(run_dag, clients.client(settings.storage), settings.storage.bucket)
        late = sorted(photos)[:: len(photos) // NEW][:NEW]
        for key, content in photos.items():
            if key not in late:
                week.put(key, content)
        week.put("images/Kiwi/empty.jpg", b"")
        week.night("fails", at=MONDAY, VERGER_MAX_COMPONENTS="1")
        week.night("tried again", at=MONDAY)
        early = [key for key in photos if key not in late]
        for key in late:
            week.put(key, photos[key])
        for key, other in zip(early[:CHANGED], early[100:], strict=False):
            week.put(key, photos[other])
        for key in early[-DELETED:]:
            week.delete(key)
        week.kill_in_step_1()
        week.night("tonight", at=TUESDAY)
        week.night("idle")
        consumers = str(ROOT / "tests/dags/consumer")
        week.night("consumer", dag="fruit_classifier", AIRFLOW__CORE__DAGS_FOLDER=consumers)
        week.night("rolled back", params={"rollback_to": week.nights["tried again"].published["run"]})  # type: ignore[index]
        yield week


def photos_of(week: Week, name: str, run: str | None = None) -> set[str]:
    """What a reader finds, the features and the coordinates alike."""
    found = verger_reader.open_publication(f"s3://{week.bucket}", run)
    paths = [set(found.features()["path"].to_pylist()), set(found.pca()["path"].to_pylist())]
    assert paths[0] == paths[1], name
    return paths[0]


def features(keys: dict[str, str]) -> dict[str, str]:
    return {key: etag for key, etag in keys.items() if key.startswith("features/") and key.endswith(".parquet")}


def test_a_run_that_fails_in_step_2_publishes_nothing_and_ends_its_cluster(week: Week) -> None:
    night = week.nights["fails"]
    assert night.code != 0
    assert "target variance 0.9 cannot be reached: 1 components explain" in night.said
    assert night.published is None
    assert night.clusters == ["TERMINATED"]


def test_the_second_try_does_not_featurize_again(week: Week) -> None:
    failed, night = week.nights["fails"], week.nights["tried again"]
    assert night.code == 0, night.said
    assert features(night.keys) == features(failed.keys) != {}
    assert night.published is not None
    assert (night.published["photos"], night.published["rejected"]) == (FIRST, 1)
    assert f"{FIRST} photos were featurized by an earlier try of this run" in step_log(week, "featurize", -1)


def test_the_next_night_featurizes_exactly_what_is_new_or_changed(week: Week) -> None:
    night = week.nights["tonight"]
    assert night.code == 0, night.said
    assert f"to do: {NEW} new, {CHANGED} changed, {DELETED} deleted" in night.said
    assert night.published is not None
    run = night.published["run"]
    assert read_json(week.client, week.bucket, f"runs/{run}/featurize.json")["featurized"] == NEW + CHANGED
    assert [features["rows"] for features in night.published["features"]] == [FIRST, NEW + CHANGED]
    assert [features["current_rows"] for features in night.published["features"]] == [
        FIRST - CHANGED - DELETED,
        NEW + CHANGED,
    ]
    facts = read_json(week.client, week.bucket, f"runs/{run}/report.json")
    assert all(row["passed"] for rows in facts["checks"].values() for row in rows)
    assert facts["basis_kept"]
    assert facts["drift"]["new"] == NEW + CHANGED
    assert {row["label"] for row in facts["labels"]["shown"] if row["new"]} == {
        row["label"] for row in facts["drift"]["labels"]
    }
    assert len(facts["variance"]["current"]) == facts["k"] < len(facts["variance"]["fitted"]) == 1280


def test_the_report_knows_when_each_stage_began_and_what_the_cluster_cost(week: Week) -> None:
    night = week.nights["tonight"]
    assert night.published is not None
    facts = read_json(week.client, week.bucket, f"runs/{night.published['run']}/report.json")
    began = {stage["task"]: stage["start"] for stage in facts["tasks"]}
    assert {"list_images", "cluster_ready", "featurize_done", "pca_done", "publish"} <= began.keys()
    assert None not in began.values()
    # A task that came back from the triggerer began when it began first: before its step was done.
    assert began["featurize"] < began["featurize_done"] < began["check_features"]
    seconds = {stage["task"]: stage["seconds"] for stage in facts["tasks"]}
    assert seconds["featurize_done"] > 5
    assert {(node["type"], node["market"], node["count"]) for node in facts["cost"]["nodes"]} == {
        ("m6i.xlarge", "ON_DEMAND", 1),
        ("c6i.xlarge", "ON_DEMAND", 1),
        ("c6i.xlarge", "SPOT", 1),
    }
    assert 0 < facts["cost"]["node_hours"] < 1
    assert facts["cost"]["estimated_cost"] > 0


def test_the_published_set_is_the_bucket_and_the_deleted_are_nowhere_in_it(week: Week) -> None:
    night = week.nights["tonight"]
    assert night.published is not None
    wanted = week.photos.keys() - {"images/Kiwi/empty.jpg"}
    assert photos_of(week, "tonight", night.published["run"]) == wanted
    assert night.published["photos"] == len(wanted) == FIRST + NEW - DELETED


def test_what_the_killed_run_left_is_gone(week: Week) -> None:
    night, before = week.nights["tonight"], week.nights["tried again"]
    assert night.published is not None
    assert before.published is not None
    assert run_prefixes([*night.keys]) == {night.published["run"], before.published["run"]}
    assert "objects removed that no kept publication names" in night.said


def test_with_nothing_to_do_no_cluster_is_launched_and_the_log_says_why(week: Week) -> None:
    idle, before = week.nights["idle"], week.nights["tonight"]
    assert idle.code == 0, idle.said
    assert idle.clusters == []
    assert f"nothing to do: nothing new, changed or deleted among {len(week.photos)} photos" in idle.said
    assert idle.published == before.published
    assert run_prefixes([*idle.keys]) == run_prefixes([*before.keys])


def test_another_dag_trains_on_the_published_set(week: Week) -> None:
    night = week.nights["consumer"]
    assert night.code == 0, night.said
    assert re.search(r"accuracy", night.said)


def test_a_rollback_by_a_parameter_launches_no_cluster(week: Week) -> None:
    night, first = week.nights["rolled back"], week.nights["tried again"]
    assert night.code == 0, night.said
    assert night.clusters == []
    assert night.published is not None
    assert first.published is not None
    assert (night.published["run"], night.published["pca"]) == (first.published["run"], first.published["pca"])
    assert len(photos_of(week, "rolled back")) == FIRST


def step_log(week: Week, stage: str, number: int) -> str:
    """Standard output of one of the steps of that stage, in the order in which they were submitted."""
    import gzip

    emr = EmrHook(aws_conn_id="aws_default", region_name="eu-west-3").conn
    clusters = sorted(
        emr.list_clusters()["Clusters"], key=lambda cluster: cluster["Status"]["Timeline"]["CreationDateTime"]
    )
    logs = []
    for cluster in clusters:
        for step in emr.list_steps(ClusterId=cluster["Id"])["Steps"]:
            key = f"logs/{cluster['Id']}/steps/{step['Id']}/stdout.gz"
            if step["Name"].startswith(f"{stage} ") and key in week.listing():
                body = week.client.get_object(Bucket=week.bucket, Key=key)["Body"].read()
                logs.append((step["Name"], gzip.decompress(body).decode()))
    run = week.nights["tried again"].published["run"]  # type: ignore[index]
    return [text for name, text in logs if name.endswith(run)][number]
