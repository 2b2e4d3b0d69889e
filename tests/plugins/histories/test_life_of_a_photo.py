"""Photos are added, changed and deleted: what each run does, and what it publishes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy
import pytest

import verger_reader
from tests.plugins.orchard import AUTO, Orchard, Running
from tests.plugins.played_steps import vector
from verger import tasks
from verger.changes.params import PlanError
from verger.context import RunContext
from verger.publication.commit import CommitConflictError, current
from verger.s3.artifacts import ArtifactError
from verger.s3.versions import Bucket
from verger.settings import BUILT_ARTIFACTS, Settings
from verger_contract.keys import SPARK_EVENTS
from verger_contract.preprocessing import VERSION, Decoding

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

ACCEPT = dataclasses.replace(AUTO, accept_rejects=True)


@pytest.fixture
def orchard(settings: Settings, client: S3Client, tmp_path: Path) -> Orchard:
    return Orchard(settings, client, tmp_path)


def assert_published(orchard: Orchard) -> None:
    """Check that the publication equals that of a full refresh, row by row."""
    published = verger_reader.open_publication(f"s3://{orchard.bucket}")
    now = current(orchard.client, orchard.bucket)
    assert now is not None
    decoding = Decoding(now.publication.current.model["preprocessing"].removeprefix(f"{VERSION}-"))
    rows = {row["path"]: row for row in published.features().to_pylist()}
    wanted = orchard.readable()
    assert rows.keys() == wanted.keys()
    components = published.basis().components
    coordinates = {row["path"]: row for row in published.pca().to_pylist()}
    assert coordinates.keys() == wanted.keys()
    for path, content in wanted.items():
        features = vector(content, decoding)
        assert numpy.array_equal(numpy.array(rows[path]["features"], numpy.float32), features)
        numpy.testing.assert_allclose(coordinates[path]["pca_features"], features @ components, atol=1e-9)
        assert rows[path]["label"] == coordinates[path]["label"] == path.split("/")[-2]


def test_only_new_and_changed_photos_are_featurized(orchard: Orchard) -> None:
    for number in range(12):
        orchard.put(f"Kiwi/{number}.jpg", b"%d" % number)
    assert orchard.run("one").photos["new"] == 12
    assert_published(orchard)
    orchard.put("Kiwi/0.jpg", b"another")
    orchard.put("Pear/12.jpg", b"12")
    orchard.delete("Kiwi/5.jpg")
    plan = orchard.run("two")
    assert plan.why == "1 new, 1 changed, 1 deleted"
    assert [key for key, _ in orchard.begin("two").run_context.store.versions("runs/two/work.parquet")] == [
        "images/Kiwi/0.jpg", "images/Pear/12.jpg",
    ]  # fmt: skip
    assert_published(orchard)
    facts = current(orchard.client, orchard.bucket)
    assert facts is not None
    assert [(run.run, run.rows, run.current_rows) for run in facts.publication.current.features] == [
        ("one", 12, 10),
        ("two", 2, 2),
    ]
    assert not orchard.run("three").work
    assert_published(orchard)


def test_deleted_rows_stay_deleted_in_later_runs(orchard: Orchard) -> None:
    for number in range(12):
        orchard.put(f"Kiwi/{number}.jpg", b"%d" % number)
    orchard.run("one")
    orchard.delete("Kiwi/0.jpg")
    orchard.put("Kiwi/1.jpg", b"another")
    orchard.run("two")
    assert_published(orchard)
    orchard.put("Kiwi/12.jpg", b"12")
    orchard.run("three")
    assert_published(orchard)
    # The feature run `one` has deleted rows for exactly this content.
    orchard.put("Kiwi/0.jpg", b"0")
    orchard.put("Kiwi/1.jpg", b"1")
    assert orchard.run("four").why == "1 new, 1 changed"
    assert_published(orchard)


def test_clocks_have_no_influence(orchard: Orchard) -> None:
    for number in range(4):
        orchard.put(f"Kiwi/{number}.jpg", b"%d" % number)
    orchard.run("one")
    orchard.put("Kiwi/0.jpg", b"first")
    orchard.put("Kiwi/0.jpg", b"second")
    orchard.pass_days(-400)  # Airflow's clock is more than a year behind that of S3
    assert orchard.run("two").why == "1 changed"
    assert_published(orchard)
    assert not orchard.run("three").work


def test_the_etag_of_a_multipart_upload_is_opaque(orchard: Orchard) -> None:
    for number in range(4):
        orchard.put(f"Kiwi/{number}.jpg", b"%d" % number)
    content = b"x" * 5 * 1024 * 1024 + b"y"

    def put_in_parts() -> None:
        client, bucket, key = orchard.client, orchard.bucket, "images/Kiwi/parts.jpg"
        upload = client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        halves = (content[: 5 * 1024 * 1024], content[5 * 1024 * 1024 :])
        parts: list[CompletedPartTypeDef] = []
        for number, half in enumerate(halves, 1):
            part = client.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=half)
            parts.append({"PartNumber": number, "ETag": part["ETag"]})
        completed = client.complete_multipart_upload(
            Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
        )
        etag = completed["ETag"]
        assert etag.strip('"').endswith("-2")

    put_in_parts()
    orchard.photos["images/Kiwi/parts.jpg"] = content
    assert orchard.run("one").why == "5 new"
    assert_published(orchard)
    put_in_parts()
    assert not orchard.run("two").work, "the same content in the same parts has the same etag"
    orchard.put("Kiwi/parts.jpg", content)
    assert orchard.run("three").why == "1 changed"
    assert_published(orchard)


def test_only_current_versions_count_in_a_bucket_that_keeps_versions(orchard: Orchard) -> None:
    orchard.client.put_bucket_versioning(Bucket=orchard.bucket, VersioningConfiguration={"Status": "Enabled"})
    for number in range(4):
        orchard.put(f"Kiwi/{number}.jpg", b"%d" % number)
    orchard.run("one")
    orchard.put("Kiwi/0.jpg", b"another")
    orchard.delete("Kiwi/1.jpg")
    assert orchard.run("two").why == "1 changed, 1 deleted"
    assert_published(orchard)
    orchard.put("Kiwi/1.jpg", b"1")
    assert orchard.run("three").why == "1 new"
    assert_published(orchard)
    Bucket(orchard.client, orchard.bucket, versions=True).delete([""], [])


def test_rejects_are_retried_with_another_artifact_set_or_by_request(orchard: Orchard) -> None:
    for number in range(60):
        orchard.put(f"Kiwi/{number}.jpg", b"%d" % number)
    orchard.put("Kiwi/bad.jpg", b"bad: not an image")
    orchard.put("Kiwi/damaged.jpg", b"bad: damaged image")
    orchard.run("one")
    manifest = {
        path: reason for path, reason in orchard.store.rows("runs/one/manifest.parquet", ("path", "reason")) if reason
    }
    assert manifest == {"images/Kiwi/bad.jpg": "not an image", "images/Kiwi/damaged.jpg": "damaged image"}
    assert not orchard.run("two").work
    orchard.put("Kiwi/60.jpg", b"60")
    assert orchard.run("three").photos["opportunistic_retry"] == 0
    # Another artifact set of the same model may read more photos, but it is not work alone.
    manifest_file = orchard.settings.storage.artifacts_dir / "manifest.json"
    manifest_file.write_text(manifest_file.read_text() + " ")
    assert not orchard.run("four").work
    orchard.put("Kiwi/61.jpg", b"61")
    plan = orchard.run("five")
    assert (plan.photos["new"], plan.photos["opportunistic_retry"]) == (1, 2)
    assert orchard.run("six", dataclasses.replace(AUTO, retry_rejects=True)).why == "2 rejects to retry"
    assert_published(orchard)


def test_another_prefix_without_the_published_photos_is_an_error(orchard: Orchard) -> None:
    for number in range(4):
        orchard.put(f"Kiwi/{number}.jpg", b"%d" % number)
    orchard.run("one")
    orchard.client.put_object(Bucket=orchard.bucket, Key="photos/Kiwi/1.jpg", Body=b"1")
    storage = dataclasses.replace(orchard.settings.storage, images_prefix="photos/")
    orchard.settings = dataclasses.replace(orchard.settings, storage=storage)
    with pytest.raises(PlanError, match=r"^4 of the 4 published photos are missing in the bucket"):
        orchard.run("two")
    assert_published(orchard)


def test_a_model_that_is_replaced_during_a_run_is_an_error(orchard: Orchard) -> None:
    for number in range(4):
        orchard.put(f"Kiwi/{number}.jpg", b"%d" % number)
    orchard.run("one")
    orchard.put("Kiwi/4.jpg", b"4")
    running = orchard.begin("two").until("plan")
    assert running.plan is not None
    another = dataclasses.replace(running.plan, model_sha256="00" * 32)
    with pytest.raises(ArtifactError, match=r"planned with model 0000.*; found model .*would be mixed; clear"):
        tasks.stage_artifacts(with_built_artifacts(orchard, running), another)


def test_the_folder_of_the_event_logs_is_created(orchard: Orchard) -> None:
    orchard.put("Kiwi/0.jpg", b"0")
    running = orchard.begin("one").until("plan")
    assert running.plan is not None
    with pytest.raises(ArtifactError, match="would be mixed"):  # the set that was built has another model
        tasks.stage_artifacts(with_built_artifacts(orchard, running), running.plan)
    listed = orchard.client.list_objects_v2(Bucket=orchard.bucket, Prefix="logs/")["Contents"]
    assert [(item["Key"], item["Size"]) for item in listed] == [(SPARK_EVENTS, 0)]


def with_built_artifacts(orchard: Orchard, running: Running) -> RunContext:
    """Return the context of the run with the artifact set of `make artifacts`."""
    storage = dataclasses.replace(orchard.settings.storage, artifacts_dir=BUILT_ARTIFACTS)
    settings = dataclasses.replace(orchard.settings, storage=storage)
    return dataclasses.replace(running.run_context, settings=settings)


def test_rejects_that_are_only_deleted_need_no_cluster(orchard: Orchard) -> None:
    for name in ("Kiwi/1.jpg", "Kiwi/2.jpg", "Lime/1.jpg"):
        orchard.put(name, name.encode())
    for name in ("Kiwi/3.jpg", "Lime/2.jpg"):
        orchard.put(name, b"bad: not an image")
    orchard.run("one", ACCEPT)
    before = current(orchard.client, orchard.bucket)
    assert before is not None
    orchard.delete("Kiwi/3.jpg")
    plan = orchard.run("two")
    assert (plan.work, plan.without_cluster, plan.why) == (True, True, "1 deleted")
    after = current(orchard.client, orchard.bucket)
    assert after is not None
    old, new = before.publication.current, after.publication.current
    assert (new.run, new.photos, new.rejected) == ("two", 3, 1)
    assert (new.features, new.pca, new.basis) == (old.features, old.pca, old.basis)
    assert_published(orchard)
    assert orchard.run("three").why == "nothing new, changed or deleted among 4 photos"
    orchard.put("Lime/3.jpg", b"new")
    orchard.delete("Lime/2.jpg")
    plan = orchard.run("four", ACCEPT)
    assert (plan.work, plan.without_cluster, plan.why) == (True, False, "1 new, 1 deleted")
    assert plan.coordinates.statistics == "two", "the run without a cluster has a copy of the statistics"
    assert_published(orchard)
    orchard.delete("Lime/3.jpg")
    assert not orchard.run("five").without_cluster
    assert_published(orchard)


def test_a_run_without_a_cluster_that_is_repeated_changes_nothing(orchard: Orchard) -> None:
    for name in ("Kiwi/1.jpg", "Kiwi/2.jpg"):
        orchard.put(name, name.encode())
    orchard.put("Kiwi/3.jpg", b"bad: not an image")
    orchard.run("one", ACCEPT)
    orchard.delete("Kiwi/3.jpg")
    running = orchard.begin("two").until("publish")
    published = current(orchard.client, orchard.bucket)
    running.done.remove("publish")
    running.finish()
    assert current(orchard.client, orchard.bucket) == published
    orchard.put("Kiwi/4.jpg", b"bad: not an image")
    orchard.run("three", ACCEPT)
    orchard.delete("Kiwi/4.jpg")
    running = orchard.begin("four").until("plan")
    orchard.pass_days(1)
    orchard.run("other")
    with pytest.raises(CommitConflictError):
        running.until("publish")
    assert_published(orchard)
