"""The commit: one run succeeds, and no run overwrites a publication that it did not start from."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.plugins.snapshots import put_data, snapshot
from verger.changes.full_refresh import FeatureIdentity, full_refresh
from verger.publication.commit import (
    AlreadyPublishedError,
    CommitConflictError,
    MissingDataError,
    PublicationError,
    check_may_write,
    current,
    publish,
    start_run,
)
from verger.publication.model import FeatureRun, PcaRun
from verger.s3.clients import read_json
from verger_contract.keys import PUBLISHED, Run
from verger_contract.preprocessing import Decoding, preprocessing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)


def current_etag(client: S3Client, bucket: str) -> str | None:
    now = current(client, bucket)
    return now.etag if now else None


def publish_run(client: S3Client, bucket: str, run: str, etag: str | None, **values: Any) -> None:
    """Publish a snapshot of the run, with an object under every prefix that it names."""
    made = snapshot(run, **values)
    put_data(client, bucket, made)
    publish(client, Run(bucket, run), made, etag)


def test_the_first_publication_and_the_next(client: S3Client, bucket: str) -> None:
    assert current_etag(client, bucket) is None
    publish_run(client, bucket, "one", None)
    document = read_json(client, bucket, PUBLISHED)
    assert (document["version"], document["revision"], document["run"], document["history"]) == (4, 1, "one", [])
    publish_run(client, bucket, "two", current_etag(client, bucket), published_at="2026-11-25T02:30:00+00:00")
    document = read_json(client, bucket, PUBLISHED)
    assert (document["revision"], document["run"]) == (2, "two")
    assert [(old["run"], old["superseded_at"]) for old in document["history"]] == [("one", "2026-11-25T02:30:00+00:00")]


def test_parse_is_the_inverse_of_document(client: S3Client, bucket: str) -> None:
    runs = (
        FeatureRun(run="zero", rows=9, current_rows=5, deletes_since="2026-11-20T00:00:00+00:00"),
        FeatureRun(run="one", rows=1, current_rows=1),
    )
    publish_run(client, bucket, "one", None, features=runs, explained_variance=None, basis="zero")
    now = current(client, bucket)
    assert now is not None
    assert now.publication.current == snapshot("one", features=runs, explained_variance=None, basis="zero")
    assert now.publication.named == {"zero", "one"}


def test_the_second_of_two_concurrent_runs_gets_a_commit_conflict(client: S3Client, bucket: str) -> None:
    publish_run(client, bucket, "one", None)
    seen = current_etag(client, bucket)
    publish_run(client, bucket, "two", seen)
    with pytest.raises(
        CommitConflictError,
        match=r"since run three started, found it replaced by run two \(revision 2\); .* start a new run",
    ):
        publish_run(client, bucket, "three", seen)
    with pytest.raises(CommitConflictError):
        publish_run(client, bucket, "four", None)
    assert read_json(client, bucket, PUBLISHED)["run"] == "two"


def test_a_publication_that_was_deleted_is_not_replaced(client: S3Client, bucket: str) -> None:
    publish_run(client, bucket, "one", None)
    seen = current_etag(client, bucket)
    client.delete_object(Bucket=bucket, Key=PUBLISHED)
    with pytest.raises(CommitConflictError, match="since run two started, found it deleted; "):
        publish_run(client, bucket, "two", seen)
    assert current_etag(client, bucket) is None


def test_a_retry_after_success_is_a_success(client: S3Client, bucket: str) -> None:
    publish_run(client, bucket, "one", None)
    published = current_etag(client, bucket)
    publish_run(client, bucket, "one", None)
    assert current_etag(client, bucket) == published


def test_exactly_one_of_many_concurrent_commits_succeeds(client: S3Client, bucket: str) -> None:
    start = threading.Barrier(8)

    def race(number: int) -> str:
        start.wait()
        try:
            publish_run(client, bucket, f"run-{number}", None)
        except CommitConflictError:
            return ""
        return f"run-{number}"

    with ThreadPoolExecutor(8) as pool:
        (succeeded,) = filter(None, pool.map(race, range(8)))
    assert read_json(client, bucket, PUBLISHED)["run"] == succeeded


def test_commits_in_a_bucket_that_keeps_versions(client: S3Client, bucket: str) -> None:
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    publish_run(client, bucket, "one", None)
    seen = current_etag(client, bucket)
    publish_run(client, bucket, "two", seen)
    with pytest.raises(CommitConflictError):
        publish_run(client, bucket, "three", seen)
    with pytest.raises(CommitConflictError):
        publish_run(client, bucket, "four", None)
    versions = client.list_object_versions(Bucket=bucket, Prefix=PUBLISHED)["Versions"]
    client.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": PUBLISHED, "VersionId": old["VersionId"]} for old in versions]}
    )


def test_a_snapshot_with_missing_data_is_not_published(client: S3Client, bucket: str) -> None:
    with pytest.raises(
        MissingDataError, match=rf"^run one: expected its data in s3://{bucket}/features/run=one/, found"
    ):
        publish(client, Run(bucket, "one"), snapshot("one"), None)
    assert current(client, bucket) is None


@pytest.mark.parametrize("lost", ["moments", "label_sums"])
def test_a_snapshot_without_its_statistics_is_not_published(lost: str, client: S3Client, bucket: str) -> None:
    made = snapshot("one", since_full_pass=0, pca_attempt="0a1b2c3d")
    put_data(client, bucket, made)
    key = getattr(Run(bucket, "one", pca_attempt="0a1b2c3d"), lost)
    client.delete_object(Bucket=bucket, Key=key)
    with pytest.raises(MissingDataError, match=f"^run one: expected its data in s3://{bucket}/{key}, found"):
        publish(client, Run(bucket, "one"), made, None)
    publish(client, Run(bucket, "one"), snapshot("one"), None)  # of an earlier Verger, which had no statistics


def test_every_table_of_coordinates_is_checked(client: S3Client, bucket: str) -> None:
    tables = tuple(PcaRun(run=run, rows=1, features=("one",)) for run in ("zero", "one"))
    made = snapshot("one", pca=tables)
    put_data(client, bucket, made)
    client.delete_object(Bucket=bucket, Key=f"{Run(bucket, 'zero').pca}part-0.parquet")
    with pytest.raises(MissingDataError, match=f"in s3://{bucket}/pca/run=zero/, found nothing there"):
        publish(client, Run(bucket, "one"), made, None)


def test_the_run_marker_holds_the_etag_that_the_run_may_replace(client: S3Client, bucket: str) -> None:
    run = Run(bucket, "one")
    assert start_run(client, run, NOW) is None
    assert read_json(client, bucket, run.marker) == {"base_etag": None, "started_at": "2026-11-24T02:00:00+00:00"}
    publish_run(client, bucket, "one", None)
    two = Run(bucket, "two")
    found = start_run(client, two, NOW)
    assert found is not None
    assert read_json(client, bucket, two.marker)["base_etag"] == found.etag == current_etag(client, bucket)


def test_a_run_with_a_stale_etag_may_not_write(client: S3Client, bucket: str) -> None:
    start_run(client, Run(bucket, "one"), NOW)
    start_run(client, Run(bucket, "two"), NOW)
    check_may_write(client, Run(bucket, "one"))
    publish_run(client, bucket, "two", None)
    with pytest.raises(CommitConflictError, match="since run one started, found it replaced by run two"):
        check_may_write(client, Run(bucket, "one"))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"run": "two"},
        {"pca": (PcaRun(run="two", rows=1, features=("one",)),)},
        {"features": (FeatureRun(run="one", rows=1, current_rows=1),), "run": "two"},
        {"features": (FeatureRun(run="one-compacted", rows=1, current_rows=1),), "run": "two", "basis": "two"},
    ],
)
def test_a_published_run_may_not_write(values: Any, client: S3Client, bucket: str) -> None:
    made = snapshot(**{"run": "one", "basis": "one"} | values)
    put_data(client, bucket, made)
    publish(client, Run(bucket, "two"), made, None)
    again = r"^run one is already published .*readers use; start a new run$"
    with pytest.raises(AlreadyPublishedError, match=again):
        start_run(client, Run(bucket, "one"), NOW)
    with pytest.raises(AlreadyPublishedError, match=again):
        check_may_write(client, Run(bucket, "one"))


def test_a_run_in_the_history_may_not_write(client: S3Client, bucket: str) -> None:
    publish_run(client, bucket, "one", None)
    publish_run(client, bucket, "two", current_etag(client, bucket))
    with pytest.raises(AlreadyPublishedError):
        start_run(client, Run(bucket, "one"), NOW)


def test_members_of_a_later_verger_are_ignored(client: S3Client, bucket: str) -> None:
    publish_run(client, bucket, "one", None)
    document = json.loads(client.get_object(Bucket=bucket, Key=PUBLISHED)["Body"].read())
    read = current(client, bucket)
    later = document | {"colour": "red", "features": [run | {"rows_a_file": 7} for run in document["features"]]}
    client.put_object(Bucket=bucket, Key=PUBLISHED, Body=json.dumps(later).encode())
    found = current(client, bucket)
    assert document["features"]
    assert found
    assert read
    assert found.publication == read.publication


def test_members_that_an_earlier_verger_did_not_write_have_defaults(client: S3Client, bucket: str) -> None:
    publish_run(client, bucket, "one", None)
    document = json.loads(client.get_object(Bucket=bucket, Key=PUBLISHED)["Body"].read())
    for name in ("rejects", "rolled_back_from", "superseded_at"):
        del document[name]
    del document["model"]["preprocessing"]
    client.put_object(Bucket=bucket, Key=PUBLISHED, Body=json.dumps(document).encode())
    found = current(client, bucket)
    assert found
    earlier = found.publication.current
    assert (earlier.rejects, earlier.rolled_back_from, earlier.superseded_at) == (None, None, None)
    identity = FeatureIdentity(str(earlier.model["sha256"]), preprocessing(Decoding.EXACT))
    refresh = full_refresh(earlier, identity, earlier.images_prefix, requested=False)
    assert refresh.reason == "the preprocessing changed (published 1, now 2-exact)"


@pytest.mark.parametrize("version", [2, 5])
def test_another_version_is_an_error(version: int, client: S3Client, bucket: str) -> None:
    publish_run(client, bucket, "one", None)
    document = json.loads(client.get_object(Bucket=bucket, Key=PUBLISHED)["Body"].read())
    client.put_object(Bucket=bucket, Key=PUBLISHED, Body=json.dumps(document | {"version": version}).encode())
    with pytest.raises(PublicationError, match=f"version {version}, this Verger reads the versions 3 and 4"):
        current(client, bucket)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"{}", b"\xff", b'{"version": 4}'),
        b'{"run": 1, "features": [], "pca": 1, "basis": 1}',
        b'{"version": 1, "run": "one", "features": ["one"], "pca": "one", "basis": "one"}',
    ],
)
def test_unexpected_content_of_published_json_is_an_error(body: bytes, client: S3Client, bucket: str) -> None:
    client.put_object(Bucket=bucket, Key=PUBLISHED, Body=body)
    with pytest.raises(PublicationError, match=rf"^s3://{bucket}/published.json: expected the JSON that names the"):
        start_run(client, Run(bucket, "one"), NOW)
    with pytest.raises(PublicationError):
        publish_run(client, bucket, "one", None)
