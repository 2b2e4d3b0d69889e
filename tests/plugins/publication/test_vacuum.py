"""What is removed, when, and what never is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from tests.plugins.orchard import AUTO, Orchard, run_prefixes
from verger.publication.commit import CommitConflictError
from verger.publication.rollback import RollbackError, rollback
from verger.publication.vacuum import Bucket, vacuum
from verger.s3 import clients
from verger.s3.errors import StorageError
from verger.settings import Settings
from verger_contract.keys import Run


@pytest.fixture
def orchard(settings: Settings, client: Any, tmp_path: Path) -> Iterator[Orchard]:
    """Four photos, published by `one`."""
    made = Orchard(settings, client, tmp_path)
    for number in range(4):
        made.put(f"Kiwi/{number}.jpg", b"%d" % number)
    made.run("one")
    yield made
    remover = Bucket(client, made.bucket, versions=True)
    remover.remove([""], [])


def paths(orchard: Orchard) -> set[str]:
    """Every photo that any table of the bucket names."""
    tables = [key for key in orchard.listing() if key.endswith(".parquet") and "/data/" not in key]
    return {path.split("/")[-1] for key in tables for path in orchard.store.column(key, "path")}


def test_a_deleted_photo_is_gone_within_the_erasure_time(orchard: Orchard) -> None:
    """The defaults: 7 days to roll back, erased after 30, one run a night."""
    orchard.delete("Kiwi/0.jpg")
    orchard.pass_days(1)
    orchard.run("night-1")
    gone, compacted = None, None
    for night in range(2, 32):
        # Each run begins a moment earlier than the one before: what is due today is not yet due then.
        orchard.pass_days(1 - 1e-4)
        plan = orchard.run(f"night-{night}")
        if plan.into:
            compacted = night
        if gone is None and "0.jpg" not in paths(orchard):
            gone = night
    assert compacted == 22
    assert gone == 30, "30 days after night 1 would be night 31"
    assert sorted(paths(orchard)) == ["1.jpg", "2.jpg", "3.jpg"]


def test_a_snapshot_is_kept_as_long_as_one_may_roll_back_to_it_and_no_longer(orchard: Orchard) -> None:
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


def test_what_a_failed_run_left_goes_with_the_next_publication(orchard: Orchard) -> None:
    orchard.put("Kiwi/4.jpg", b"4")
    orchard.begin("failed").until("pca")
    upload = orchard.client.create_multipart_upload(Bucket=orchard.bucket, Key="pca/run=failed/part-9.parquet")
    assert "failed" in run_prefixes(orchard.listing())
    orchard.run("two")
    assert run_prefixes(orchard.listing()) == {"one", "two"}
    uploads = orchard.client.list_multipart_uploads(Bucket=orchard.bucket, Prefix="pca/").get("Uploads", ())
    assert upload["UploadId"] not in {left["UploadId"] for left in uploads}


def test_what_a_worker_that_died_had_begun_to_upload_goes_with_its_run(orchard: Orchard) -> None:
    orchard.client.create_multipart_upload(Bucket=orchard.bucket, Key="features/run=two/part-9.parquet")
    orchard.put("Kiwi/4.jpg", b"4")
    orchard.run("two")
    assert not orchard.client.list_multipart_uploads(Bucket=orchard.bucket, Prefix="features/run=two/").get("Uploads")


def test_a_run_at_work_keeps_what_it_wrote(orchard: Orchard) -> None:
    orchard.put("Kiwi/4.jpg", b"4")
    running = orchard.begin("slow").until("check_features")
    vacuum(orchard.client, Run(orchard.bucket, "other"), orchard.settings.retention, orchard.now)
    assert "slow" in run_prefixes(orchard.listing())
    assert running.finish().work
    assert orchard.json("published.json")["run"] == "slow"


def test_a_run_that_failed_long_ago_goes_although_nothing_was_published_since(orchard: Orchard) -> None:
    orchard.put("Kiwi/4.jpg", b"4")
    running = orchard.begin("stuck").until("check_features")
    orchard.delete("Kiwi/4.jpg")
    orchard.pass_days(7.1)
    assert not orchard.run("idle").work
    assert run_prefixes(orchard.listing()) == {"one"}
    with pytest.raises(CommitConflictError):
        running.finish()


@pytest.mark.parametrize("stage", ["list_images", "plan", "featurize", "check_features", "pca", "check_projections"])
def test_a_run_of_which_nothing_is_left_is_told_that_it_has_lost(stage: str, orchard: Orchard) -> None:
    orchard.put("Kiwi/4.jpg", b"4")
    running = orchard.begin("forgotten").until(stage)
    orchard.run("two")
    for key in orchard.listing("runs/forgotten/"):
        orchard.client.delete_object(Bucket=orchard.bucket, Key=key)
    with pytest.raises(CommitConflictError, match="found run two published"):
        running.finish()


def test_figures_outlast_the_data_and_nothing_else_does(orchard: Orchard) -> None:
    for name in ("report.json", "report.html"):
        orchard.client.put_object(Bucket=orchard.bucket, Key=f"runs/one/{name}", Body=b"{}")
    orchard.put("Kiwi/4.jpg", b"4")
    orchard.run("two", replace(AUTO, full_refresh=True, basis="refit"))
    orchard.pass_days(8)
    orchard.run("idle-1")
    assert {key.split("/")[-1] for key in orchard.listing("runs/one/")} == {
        *("run.json", "plan.json", "progress.json", "featurize.json", "pca.json", "validation.json", "report.json")
    }
    orchard.pass_days(400)
    orchard.run("idle-2")
    assert {key.split("/")[-1] for key in orchard.listing("runs/one/")} == {"report.json"}


def test_photos_artifacts_and_logs_are_never_touched(orchard: Orchard) -> None:
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


def test_a_bucket_that_keeps_versions_keeps_none_of_what_is_erased(orchard: Orchard) -> None:
    orchard.client.put_bucket_versioning(Bucket=orchard.bucket, VersioningConfiguration={"Status": "Enabled"})
    orchard.put("Kiwi/4.jpg", b"4")
    orchard.begin("failed").until("pca")
    orchard.run("two", replace(AUTO, full_refresh=True, basis="refit"))
    orchard.pass_days(8)
    orchard.run("idle")
    pages = orchard.client.get_paginator("list_object_versions").paginate(Bucket=orchard.bucket)
    left = {item["Key"] for page in pages for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))}
    assert run_prefixes([*left]) == {"two"}


def test_a_step_done_twice_leaves_no_version_of_its_first_results(orchard: Orchard) -> None:
    orchard.client.put_bucket_versioning(Bucket=orchard.bucket, VersioningConfiguration={"Status": "Enabled"})
    orchard.put("Kiwi/4.jpg", b"4")
    orchard.put("Kiwi/5.jpg", b"5")
    orchard.begin("two").until("featurize")
    orchard.delete("Kiwi/5.jpg")
    orchard.run("two")
    bucket = Bucket(orchard.client, orchard.bucket, versions=True)
    versions = [item for prefix in ("features/", "rejects/", "pca/") for item in bucket.under(prefix)]
    assert versions
    assert all(item["IsLatest"] and "Size" in item for item in versions)


def test_what_may_not_be_deleted_is_an_error_that_says_which_right_is_missing(settings: Settings) -> None:
    client = clients.client(settings.storage)
    refused = {"Errors": [{"Key": "pca/run=x/1", "Code": "AccessDenied", "Message": "no such right"}]}
    with Stubber(client) as stub:
        stub.add_response("delete_objects", refused)
        with pytest.raises(
            StorageError, match=r"pca/run=x/1: may not be deleted \(AccessDenied: no such right\); grant"
        ):
            Bucket(client, "orchard", versions=False).remove([], ["pca/run=x/1"])


def test_before_the_first_publication_there_is_nothing_to_clean(
    settings: Settings, client: Any, tmp_path: Path
) -> None:
    empty = Orchard(settings, client, tmp_path)
    assert vacuum(client, Run(empty.bucket, "one"), settings.retention, empty.now) == 0
