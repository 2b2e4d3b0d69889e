"""What vacuum deletes, when, and what it never deletes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import Stubber

import verger_reader
from tests.plugins.orchard import AUTO, Orchard, run_prefixes
from tests.plugins.snapshots import snapshot
from verger.publication.commit import CommitConflictError
from verger.publication.model import Publication
from verger.publication.retention import RunObject, objects_to_delete
from verger.publication.rollback import RollbackError, rollback
from verger.publication.vacuum import vacuum
from verger.s3 import clients
from verger.s3.errors import StorageError
from verger.s3.versions import Bucket
from verger.settings import Settings
from verger_contract.keys import PUBLISHED, Run, janitor_record

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def orchard(settings: Settings, client: S3Client, tmp_path: Path) -> Iterator[Orchard]:
    """Four photos, published by `one`."""
    made = Orchard(settings, client, tmp_path)
    for number in range(4):
        made.put(f"Kiwi/{number}.jpg", b"%d" % number)
    made.run("one")
    yield made
    remover = Bucket(client, made.bucket, versions=True)
    remover.delete([""], [])


def paths(orchard: Orchard) -> set[str]:
    """Return every photo that any table of the bucket names."""
    tables = [
        key for key in orchard.listing() if key.endswith(".parquet") and not {"data", "statistics"} & {*key.split("/")}
    ]
    return {path.split("/")[-1] for key in tables for path in orchard.store.column(key, "path")}


def test_no_table_names_a_deleted_photo_after_the_erasure_time(orchard: Orchard) -> None:
    """The defaults: 7 days to roll back, erased after 30, one run a day."""
    orchard.delete("Kiwi/0.jpg")
    orchard.pass_days(1)
    orchard.run("day-1")
    erased, compacted = None, None
    for day in range(2, 32):
        # Each run starts a few seconds earlier in the day than the one before, so each deadline is missed by a day.
        orchard.pass_days(1 - 1e-4)
        plan = orchard.run(f"day-{day}")
        if plan.into:
            compacted = day
        if erased is None and "0.jpg" not in paths(orchard):
            erased = day
    assert compacted == 22
    assert erased == 30, "30 days after day 1 would be day 31"
    assert sorted(paths(orchard)) == ["1.jpg", "2.jpg", "3.jpg"]


def test_a_snapshot_expires_with_the_time_to_roll_back_to_it(orchard: Orchard) -> None:
    orchard.put("Kiwi/4.jpg", b"4")
    orchard.run("two", replace(AUTO, full_refresh=True, basis="refit"))
    orchard.pass_days(6.9)
    orchard.run("idle-1")
    assert "one" in run_prefixes(orchard.listing())
    rollback(orchard.client, orchard.bucket, "one", orchard.now)
    rollback(orchard.client, orchard.bucket, "two", orchard.now)
    orchard.pass_days(7)
    orchard.run("idle-2")
    assert run_prefixes(orchard.listing()) == {"two"}
    with pytest.raises(RollbackError):
        rollback(orchard.client, orchard.bucket, "one", orchard.now)


def test_the_data_of_a_failed_run_is_deleted_after_the_next_publication(orchard: Orchard) -> None:
    orchard.put("Kiwi/4.jpg", b"4")
    orchard.begin("failed").until("pca")
    upload = orchard.client.create_multipart_upload(Bucket=orchard.bucket, Key="pca/run=failed/part-9.parquet")
    assert "failed" in run_prefixes(orchard.listing())
    orchard.run("two")
    assert run_prefixes(orchard.listing()) == {"one", "two"}
    uploads = orchard.client.list_multipart_uploads(Bucket=orchard.bucket, Prefix="pca/").get("Uploads", ())
    assert upload["UploadId"] not in {left["UploadId"] for left in uploads}


def test_unfinished_uploads_of_the_run_itself_are_aborted(orchard: Orchard) -> None:
    orchard.client.create_multipart_upload(Bucket=orchard.bucket, Key="features/run=two/part-9.parquet")
    orchard.put("Kiwi/4.jpg", b"4")
    orchard.run("two")
    assert not orchard.client.list_multipart_uploads(Bucket=orchard.bucket, Prefix="features/run=two/").get("Uploads")


def test_the_data_of_a_publishable_run_is_kept(orchard: Orchard) -> None:
    orchard.put("Kiwi/4.jpg", b"4")
    running = orchard.begin("slow").until("check_features")
    vacuum(orchard.client, Run(orchard.bucket, "other"), orchard.settings.retention, orchard.now)
    assert "slow" in run_prefixes(orchard.listing())
    assert running.finish().work
    assert orchard.json("published.json")["run"] == "slow"


def test_the_data_of_a_run_that_failed_long_ago_is_deleted_without_a_new_publication(orchard: Orchard) -> None:
    orchard.put("Kiwi/4.jpg", b"4")
    running = orchard.begin("stuck").until("check_features")
    orchard.delete("Kiwi/4.jpg")
    orchard.pass_days(7.1)
    assert not orchard.run("idle").work
    assert run_prefixes(orchard.listing()) == {"one"}
    with pytest.raises(CommitConflictError):
        running.finish()


@pytest.mark.parametrize("name", ["compacted_deletes.parquet", "removed.parquet"])
def test_deleted_paths_stay_while_their_run_may_publish(name: str) -> None:
    now = datetime(2026, 11, 24, 2, tzinfo=UTC)
    found = [RunObject(run, f"runs/{run}/{name}", now) for run in ("active", "published", "old")]
    publication = Publication(snapshot("published"))
    expired = objects_to_delete(found, publication, frozenset({"active"}), timedelta(days=30), now)
    assert expired == [f"runs/published/{name}", f"runs/old/{name}"]


def test_statistics_stay_as_long_as_their_snapshot_and_the_spread_as_long_as_json_files() -> None:
    now = datetime(2026, 11, 24, 2, tzinfo=UTC)
    files = ("statistics~0a1b2c3d/moments.bin", "statistics~0a1b2c3d/labels.parquet", "spread.json")
    found = [RunObject(run, f"runs/{run}/{name}", now) for run in ("published", "old") for name in files]
    publication = Publication(snapshot("published"))
    of_old = [f"runs/old/{name}" for name in files]
    assert objects_to_delete(found, publication, frozenset(), timedelta(days=30), now) == of_old[:2]
    assert objects_to_delete(found, publication, frozenset(), timedelta(), now) == of_old


@pytest.mark.parametrize("task", ["list_images", "plan", "featurize", "check_features", "pca", "check_projections"])
def test_a_run_whose_files_vacuum_deleted_gets_a_commit_conflict(task: str, orchard: Orchard) -> None:
    orchard.put("Kiwi/4.jpg", b"4")
    running = orchard.begin("deleted").until(task)
    orchard.run("two")
    for key in orchard.listing("runs/deleted/"):
        orchard.client.delete_object(Bucket=orchard.bucket, Key=key)
    with pytest.raises(CommitConflictError, match="found it replaced by run two"):
        running.finish()


def test_vacuum_before_the_commit_of_its_own_run_deletes_none_of_its_data(orchard: Orchard) -> None:
    """A user marks `publish` as success while its process runs: Airflow starts vacuum, and both end."""
    orchard.put("Kiwi/4.jpg", b"4")
    orchard.delete("Kiwi/0.jpg")
    running = orchard.begin("two").until("check_projections")
    other = clients.client(orchard.settings.storage)
    deleted = []

    def vacuum_first(params: dict[str, Any], **_: Any) -> None:
        if params["url_path"].endswith(f"/{PUBLISHED}"):
            deleted.append(vacuum(other, Run(orchard.bucket, "two"), orchard.settings.retention, orchard.now))

    orchard.client.meta.events.register("before-call.s3.PutObject", vacuum_first)
    running.until("publish")
    orchard.client.meta.events.unregister("before-call.s3.PutObject", vacuum_first)
    assert deleted == [0]
    found = verger_reader.open_publication(f"s3://{orchard.bucket}")
    assert found.run == "two"
    assert sorted(found.pca()["path"].to_pylist()) == sorted(orchard.photos)
    running.finish()
    assert paths(orchard) >= {name.split("/")[-1] for name in orchard.photos}


def test_json_files_stay_longer_than_the_data_and_report_json_for_ever(orchard: Orchard) -> None:
    for name in ("report.json", "report.html"):
        orchard.client.put_object(Bucket=orchard.bucket, Key=f"runs/one/{name}", Body=b"{}")
    orchard.put("Kiwi/4.jpg", b"4")
    orchard.run("two", replace(AUTO, full_refresh=True, basis="refit"))
    orchard.pass_days(8)
    orchard.run("idle-1")
    assert {key.split("/")[-1] for key in orchard.listing("runs/one/")} == {
        *(
            "run.json",
            "spread.json",
            "plan.json",
            "cluster.json",
            "progress.json",
            "featurize.json",
            "verify_features.json",
            "pca.json",
            "verify_pca.json",
            "validation.json",
            "report.json",
        )
    }
    orchard.pass_days(400)
    orchard.run("idle-2")
    assert {key.split("/")[-1] for key in orchard.listing("runs/one/")} == {"report.json"}


def test_the_records_of_the_janitor_stay_as_long_as_the_json_files(orchard: Orchard) -> None:
    key = janitor_record("j-1")
    clients.write_json(orchard.client, orchard.bucket, key, {"cluster": "j-1"})
    orchard.pass_days(8)
    orchard.run("two")
    assert key in orchard.listing()
    orchard.pass_days(400)
    orchard.run("three")
    assert key not in orchard.listing()


def test_photos_artifacts_and_logs_are_never_deleted(orchard: Orchard) -> None:
    kept = [
        "artifacts/0/model",
        "logs/j-1/steps/s-1/stderr.gz",
        "logs/spark-events/local-1.zstd",
        "elsewhere/features/run=x/1.parquet",
    ]
    for key in kept:
        orchard.client.put_object(Bucket=orchard.bucket, Key=key, Body=b"")
    orchard.pass_days(4000)
    orchard.run("two")
    assert {*kept, *orchard.photos} <= set(orchard.listing())


def test_all_versions_of_expired_data_are_deleted(orchard: Orchard) -> None:
    orchard.client.put_bucket_versioning(Bucket=orchard.bucket, VersioningConfiguration={"Status": "Enabled"})
    orchard.put("Kiwi/4.jpg", b"4")
    orchard.begin("failed").until("pca")
    orchard.run("two", replace(AUTO, full_refresh=True, basis="refit"))
    orchard.pass_days(8)
    orchard.run("idle")
    pages = orchard.client.get_paginator("list_object_versions").paginate(Bucket=orchard.bucket)
    left = {item["Key"] for page in pages for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))}
    assert run_prefixes([*left]) == {"two"}


def test_old_versions_of_a_step_that_ran_twice_are_deleted(orchard: Orchard) -> None:
    orchard.client.put_bucket_versioning(Bucket=orchard.bucket, VersioningConfiguration={"Status": "Enabled"})
    orchard.put("Kiwi/4.jpg", b"4")
    orchard.put("Kiwi/5.jpg", b"5")
    orchard.begin("two").until("featurize")
    orchard.delete("Kiwi/5.jpg")
    orchard.run("two")
    bucket = Bucket(orchard.client, orchard.bucket, versions=True)
    versions = [item for prefix in ("features/", "rejects/", "pca/") for item in bucket.objects(prefix)]
    assert versions
    assert all(item["IsLatest"] and "Size" in item for item in versions)


def test_an_object_that_may_not_be_deleted_is_an_error_with_the_missing_permission(settings: Settings) -> None:
    client = clients.client(settings.storage)
    refused = {"Errors": [{"Key": "pca/run=x/1", "Code": "AccessDenied", "Message": "not allowed"}]}
    with Stubber(client) as stub:
        stub.add_response("delete_objects", refused)
        with pytest.raises(StorageError, match=r"pca/run=x/1: may not be deleted \(AccessDenied: not allowed\); grant"):
            Bucket(client, "orchard", versions=False).delete([], ["pca/run=x/1"])


def test_nothing_is_deleted_before_the_first_publication(settings: Settings, client: S3Client, tmp_path: Path) -> None:
    empty = Orchard(settings, client, tmp_path)
    assert vacuum(client, Run(empty.bucket, "one"), settings.retention, empty.now) == 0
