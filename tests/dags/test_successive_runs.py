"""A sequence of runs over a bucket of real photos: the complete DAG with real Airflow and Spark, local S3 and EMR.

After the first run, photos are added, changed and deleted. A run is killed. The next run processes exactly the
changes. A run without changes launches no cluster. A consumer DAG trains on the published data. A rollback restores
the first publication. With FULL_CASES=1, the first run fails in step 2 and is repeated, and at the end a run with
another decoding featurizes all photos.
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

import verger_reader
from tests.dags.airflow_runs import AIRFLOW, RunDag
from tests.dags.conftest import cluster_states, emr_client
from tests.dags.step_output import step_output
from tests.places import ROOT, SHORT_FORM, of_long_form, real_photos
from tests.plugins.html_page import Page
from tests.plugins.orchard import run_prefixes
from verger.s3.clients import read_json
from verger_contract.keys import PUBLISHED, owner
from verger_contract.preprocessing import Decoding, preprocessing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MONDAY, TUESDAY = "2026-11-23T02:00:00+00:00", "2026-11-24T02:00:00+00:00"
FIRST, NEW, CHANGED, DELETED = 700, 7, 3, 5


@dataclass
class RunResult:
    """One run: its exit code and log, and the bucket after it."""

    code: int
    log: str
    published: dict[str, Any] | None
    clusters: list[str]
    keys: dict[str, str]
    """ETags by key of all objects except photos."""
    failure: Any  # the content of failure.json, None when there is none
    failure_page: str


@dataclass
class RunSequence:
    """Runs the DAG over one bucket and keeps the result of each run under a name."""

    run_dag: RunDag
    client: S3Client
    bucket: str
    results: dict[str, RunResult] = field(default_factory=dict)
    photos: dict[str, bytes] = field(default_factory=dict)

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=content)
        self.photos[key] = content

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=key)
        del self.photos[key]

    def run(self, name: str, **options: Any) -> None:
        before, started = cluster_states(), time.monotonic()
        done = self.run_dag(self.bucket, **options)
        print(f"{name}: {time.monotonic() - started:.0f} s")
        new = [state for cluster, state in cluster_states().items() if cluster not in before]
        published = read_json(self.client, self.bucket, PUBLISHED)
        keys = self.listing()
        failures = [key for key in keys if key.endswith("/failure.json")]
        failure = read_json(self.client, self.bucket, failures[0]) if failures else None
        page = self.read(failures[0].replace("failure.json", "report.html")) if failures else ""
        self.results[name] = RunResult(done.returncode, done.stdout, published, new, keys, failure, page)

    def read(self, key: str) -> str:
        return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode()

    def listing(self) -> dict[str, str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        items = (item for page in pages for item in page.get("Contents", ()))
        return {item["Key"]: item["ETag"] for item in items if not item["Key"].startswith("images/")}

    def kill_in_step_1(self) -> None:
        """Kill all processes of Airflow with SIGKILL during step 1. Then only the idle timeout ends the cluster."""
        with self.run_dag.start(
            [*AIRFLOW, "dags", "test", "fruit_features"], {"VERGER_BUCKET": self.bucket}
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if "featurize RUNNING" in line:
                    os.killpg(process.pid, signal.SIGKILL)
        emr = emr_client()
        left = [cluster["Id"] for cluster in emr.list_clusters(ClusterStates=["RUNNING", "WAITING"])["Clusters"]]
        assert left
        emr.terminate_job_flows(JobFlowIds=left)
        emr.get_waiter("cluster_terminated").wait(ClusterId=left[0], WaiterConfig={"Delay": 1, "MaxAttempts": 60})


@pytest.fixture(scope="module")
def sequence(stack: Path, run_dag: RunDag, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunSequence]:
    from tests.plugins.conftest import bucket_settings
    from verger.s3 import clients

    folder = real_photos(tmp_path_factory.mktemp("photos"), every=33, limit=FIRST + NEW)
    photos = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.jpg"))}
    assert len(photos) == FIRST + NEW
    with bucket_settings() as settings:
        sequence = RunSequence(run_dag, clients.client(settings.storage), settings.storage.bucket)
        late = sorted(photos)[:: len(photos) // NEW][:NEW]
        for key, content in photos.items():
            if key not in late:
                sequence.put(key, content)
        sequence.put("images/Kiwi/empty.jpg", b"")
        if not SHORT_FORM:
            sequence.run("failed", at=MONDAY, VERGER_MAX_COMPONENTS="1")
        sequence.run("first", at=MONDAY)
        first = sequence.results["first"]
        assert first.published is not None, first.log
        early = [key for key in photos if key not in late]
        for key in late:
            sequence.put(key, photos[key])
        for key, other in zip(early[:CHANGED], early[100:], strict=False):
            sequence.put(key, photos[other])
        for key in early[-DELETED:]:
            sequence.delete(key)
        sequence.kill_in_step_1()
        sequence.run("next", at=TUESDAY)
        sequence.run("idle")
        consumers = str(ROOT / "tests/dags/consumer")
        sequence.run("consumer", dag="fruit_classifier", AIRFLOW__CORE__DAGS_FOLDER=consumers)
        sequence.run("rolled back", params={"rollback_to": first.published["run"]})
        if not SHORT_FORM:
            sequence.run("scaled", VERGER_DECODING="scaled")
        yield sequence


def photos_of(sequence: RunSequence, name: str, run: str | None = None) -> set[str]:
    """Return the paths in the table features; the table pca has the same."""
    found = verger_reader.open_publication(f"s3://{sequence.bucket}", run)
    paths = [set(found.features()["path"].to_pylist()), set(found.pca()["path"].to_pylist())]
    assert paths[0] == paths[1], name
    return paths[0]


def of_step_1(sequence: RunSequence) -> str:
    """Return the stdout of the last attempt of step 1 in the first published run."""
    published = sequence.results["first"].published
    assert published is not None
    return step_output(emr_client(), sequence.client, sequence.bucket, f"featurize {published['run']}")


def features(keys: dict[str, str]) -> dict[str, str]:
    return {key: etag for key, etag in keys.items() if key.startswith("features/") and key.endswith(".parquet")}


def test_the_first_run_publishes_every_photo_that_can_be_read(sequence: RunSequence) -> None:
    result = sequence.results["first"]
    assert result.code == 0, result.log
    assert result.published is not None
    assert (result.published["photos"], result.published["rejected"]) == (FIRST, 1)


@of_long_form
def test_a_run_that_fails_in_step_2_publishes_nothing_and_ends_its_cluster(sequence: RunSequence) -> None:
    result = sequence.results["failed"]
    assert result.code != 0
    assert "target variance 0.9 cannot be reached: 1 components explain" in result.log
    assert result.published is None
    assert result.clusters == ["TERMINATED"], result.log


@of_long_form
def test_a_run_that_fails_tells_what_failed_and_what_it_cost(sequence: RunSequence) -> None:
    result = sequence.results["failed"]
    assert "is FAILED: verger: error: " in result.log
    assert re.search(r"notification: Verger: run \S+ failed in pca_done\n", result.log)
    facts = result.failure
    assert (facts["state"], facts["failure"]["task"]) == ("failed", "pca_done")
    assert "is FAILED: verger: error: " in facts["failure"]["error"]
    assert all(task["start"] < task["end"] for task in facts["tasks"])
    assert "featurize_done" in [task["task"] for task in facts["tasks"]]
    assert sum(node["count"] for node in facts["cost"]["nodes"]) == 3
    assert "pca_done: pca step" in Page(result.failure_page).section("summary")
    assert sequence.results["first"].failure is None


@of_long_form
def test_a_repeated_run_does_not_repeat_step_1(sequence: RunSequence) -> None:
    failed, result = sequence.results["failed"], sequence.results["first"]
    assert features(result.keys) == features(failed.keys) != {}
    assert f"{FIRST} photos were featurized by an earlier attempt of this run" in of_step_1(sequence)


def test_the_next_run_featurizes_exactly_the_new_and_changed_photos(sequence: RunSequence) -> None:
    result = sequence.results["next"]
    assert result.code == 0, result.log
    assert f"to do: {NEW} new, {CHANGED} changed, {DELETED} deleted" in result.log
    assert result.published is not None
    run = result.published["run"]
    assert read_json(sequence.client, sequence.bucket, f"runs/{run}/featurize.json")["featurized"] == NEW + CHANGED
    assert [features["rows"] for features in result.published["features"]] == [FIRST, NEW + CHANGED]
    assert [features["current_rows"] for features in result.published["features"]] == [
        FIRST - CHANGED - DELETED,
        NEW + CHANGED,
    ]
    facts = read_json(sequence.client, sequence.bucket, f"runs/{run}/report.json")
    assert all(row["passed"] for rows in facts["checks"].values() for row in rows)
    assert facts["basis_kept"]
    assert facts["drift"]["new"] == NEW + CHANGED
    assert {row["label"] for row in facts["labels"]["shown"] if row["new"]} == {
        row["label"] for row in facts["drift"]["labels"]
    }
    assert len(facts["variance"]["current"]) == facts["k"] < len(facts["variance"]["fitted"]) == 1280


def test_the_report_has_the_start_of_each_task_and_the_cost_of_the_cluster(sequence: RunSequence) -> None:
    result = sequence.results["next"]
    assert result.published is not None
    facts = read_json(sequence.client, sequence.bucket, f"runs/{result.published['run']}/report.json")
    starts = {task["task"]: task["start"] for task in facts["tasks"]}
    assert {"list_images", "cluster_ready", "featurize_done", "pca_done", "publish"} <= starts.keys()
    assert None not in starts.values()
    # The start of a task that was deferred is its first start, before the deferral.
    assert starts["featurize"] < starts["featurize_done"] < starts["check_features"]
    seconds = {task["task"]: task["seconds"] for task in facts["tasks"]}
    assert seconds["featurize_done"] > 5
    assert {(node["type"], node["market"], node["count"]) for node in facts["cost"]["nodes"]} == {
        ("m6i.xlarge", "ON_DEMAND", 1),
        ("c6i.xlarge", "ON_DEMAND", 1),
        ("c6i.xlarge", "SPOT", 1),
    }
    assert 0 < facts["cost"]["node_hours"] < 1
    assert facts["cost"]["estimated_cost"] > 0


def test_the_published_photos_are_those_of_the_bucket_without_the_deleted_ones(sequence: RunSequence) -> None:
    result = sequence.results["next"]
    assert result.published is not None
    expected = sequence.photos.keys() - {"images/Kiwi/empty.jpg"}
    assert photos_of(sequence, "next", result.published["run"]) == expected
    assert result.published["photos"] == len(expected) == FIRST + NEW - DELETED


def test_the_files_of_the_killed_run_are_deleted(sequence: RunSequence) -> None:
    result, before = sequence.results["next"], sequence.results["first"]
    assert result.published is not None
    assert before.published is not None
    assert run_prefixes([*result.keys]) == {result.published["run"], before.published["run"]}
    assert "objects deleted that no kept snapshot names" in result.log


def test_a_run_without_changes_launches_no_cluster_and_logs_the_reason(sequence: RunSequence) -> None:
    idle, before = sequence.results["idle"], sequence.results["next"]
    assert idle.code == 0, idle.log
    assert idle.clusters == []
    assert f"nothing to do: nothing new, changed or deleted among {len(sequence.photos)} photos" in idle.log
    assert idle.published == before.published
    assert run_prefixes([*idle.keys]) == run_prefixes([*before.keys])


def test_a_consumer_dag_trains_on_the_published_data(sequence: RunSequence) -> None:
    result = sequence.results["consumer"]
    assert result.code == 0, result.log
    assert re.search(r"accuracy", result.log)


def test_a_rollback_launches_no_cluster(sequence: RunSequence) -> None:
    result, first = sequence.results["rolled back"], sequence.results["first"]
    assert result.code == 0, result.log
    assert result.clusters == []
    assert result.published is not None
    assert first.published is not None
    assert (result.published["run"], result.published["pca"]) == (first.published["run"], first.published["pca"])
    assert len(photos_of(sequence, "rolled back", first.published["run"])) == FIRST


@of_long_form
def test_a_run_with_another_decoding_featurizes_all_photos(sequence: RunSequence) -> None:
    result, before = sequence.results["scaled"], sequence.results["rolled back"]
    assert result.code == 0, result.log
    assert result.published is not None
    assert before.published is not None
    assert before.published["model"]["preprocessing"] == preprocessing(Decoding.EXACT)
    assert result.published["model"] == before.published["model"] | {"preprocessing": preprocessing(Decoding.SCALED)}
    assert "the preprocessing changed (published" in result.published["basis_reason"]
    assert owner(result.published["basis"]) == result.published["run"]
    assert [owner(features["run"]) for features in result.published["features"]] == [result.published["run"]]
    assert photos_of(sequence, "scaled") == sequence.photos.keys() - {"images/Kiwi/empty.jpg"}
