"""Everything in the bucket that is about a photo is found, and erased in time: in a bucket that keeps versions, too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet
import pytest

from tests.plugins.orchard import AUTO, Orchard
from tests.plugins.report.reported_runs import context_of, jpeg, reported
from tests.plugins.report.suspects.written import put, suspect
from verger.publication.__main__ import main
from verger.publication.find import find
from verger.report.facts import of_snapshot, published_snapshot
from verger.s3.versions import Bucket
from verger.settings import Settings
from verger_contract.schemas import SuspectKind

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PHOTO = "images/Kiwi & co/é 0.jpg"


@pytest.fixture
def orchard(settings: Settings, client: S3Client, tmp_path: Path) -> Iterator[Orchard]:
    """Four photos in a bucket that keeps versions, published by `one`, with a report. Snapshots are kept for a day."""
    retention = replace(settings.retention, snapshot_days=1, erasure_days=5)
    made = Orchard(replace(settings, retention=retention), client, tmp_path)
    client.put_bucket_versioning(Bucket=made.bucket, VersioningConfiguration={"Status": "Enabled"})
    for number in range(4):
        made.put(f"Kiwi & co/é {number}.jpg", jpeg(number))
    made.run("one")
    run_context = context_of(made, "one")
    copied = suspect("images/Kiwi & co/é 1.jpg", SuspectKind.NEAR_DUPLICATE, 1.0, PHOTO)
    put(client, of_snapshot(run_context, published_snapshot(run_context)).run, [copied])
    reported(made, "one")
    yield made
    Bucket(client, made.bucket, versions=True).delete([""], [])


def keys(orchard: Orchard) -> set[str]:
    """The keys of everything that is found about the photo."""
    start = f"s3://{orchard.bucket}/"
    return {line.partition(": ")[0].removeprefix(start) for line in find(orchard.client, orchard.store, PHOTO)}


def named_in_any_version(orchard: Orchard, tmp_path: Path) -> set[str]:
    """The keys of all versions of all objects that name the photo, by another way of reading them."""
    found, name = set(), PHOTO.rpartition("/")[2]
    for item in Bucket(orchard.client, orchard.bucket, versions=True).objects(""):
        if "Size" not in item:
            continue
        which = {"Bucket": orchard.bucket, "Key": item["Key"], "VersionId": item["VersionId"]}
        body = orchard.client.get_object(**which)["Body"].read()
        if item["Key"].endswith(".parquet"):
            (tmp_path / "table").write_bytes(body)
            body = str(pyarrow.parquet.read_table(tmp_path / "table").to_pylist()).encode()
        if name.encode() in body or name.encode("unicode_escape") in body or item["Key"] == PHOTO:
            found.add(item["Key"])
    return found


def erase(orchard: Orchard) -> None:
    """Delete all versions of the photo, as docs/data-protection.md shows it."""
    Bucket(orchard.client, orchard.bucket, versions=True).delete([], [PHOTO])
    del orchard.photos[PHOTO]


def test_all_that_names_a_photo_is_found_and_printed(
    orchard: Orchard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = keys(orchard)
    assert found == named_in_any_version(orchard, tmp_path)
    kinds = {"images/", "features/", "pca/", "runs/one/manifest", "runs/one/report.html", "runs/one/inventory"}
    kinds |= {"runs/one/suspects"}
    assert {kind for kind in kinds if not any(key.startswith(kind) for key in found)} == set()
    monkeypatch.setenv("VERGER_BUCKET", orchard.bucket)
    assert main(["find", PHOTO]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert {line.partition(": ")[0] for line in lines} == {f"s3://{orchard.bucket}/{key}" for key in found}
    assert [line for line in lines if "version" in line and "bytes" in line]
    assert last == f"{PHOTO}: {len(lines)} found in s3://{orchard.bucket}, logs/ not searched"
    assert main(["find", "images/Kiwi/none.jpg"]) == 0
    assert capsys.readouterr().out.startswith("images/Kiwi/none.jpg: 0 found")
    for key in ("features/run=two/part-0.parquet", "runs/two/drift~a/part-0.parquet"):
        orchard.client.put_object(Bucket=orchard.bucket, Key=key, Body=b"damaged")
    assert keys(orchard) - found == {"features/run=two/part-0.parquet"}


def test_a_deleted_photo_is_erased_from_all_versions_after_the_erasure_time(orchard: Orchard, tmp_path: Path) -> None:
    erase(orchard)
    for day in range(6):
        orchard.run(f"day-{day}")
        orchard.pass_days(1)
    assert named_in_any_version(orchard, tmp_path) == set()
    assert keys(orchard) == set()


def test_a_full_refresh_erases_as_soon_as_no_snapshot_is_kept(orchard: Orchard, tmp_path: Path) -> None:
    erase(orchard)
    orchard.run("refresh", replace(AUTO, full_refresh=True))
    left = keys(orchard)
    assert left
    assert all("one" in key.split("/")[1] for key in left), f"only the earlier snapshot names the photo: {left}"
    orchard.pass_days(1)
    orchard.run("next")
    assert keys(orchard) == named_in_any_version(orchard, tmp_path) == set()
