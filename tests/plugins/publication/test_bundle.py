"""Export of a snapshot to a bundle, and what the reader does with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.places import ROOT
from tests.written_artifacts import write_artifacts
from tests.written_publication import WrittenBucket, orchard
from verger.publication import bundle
from verger.publication.bundle import BundleError
from verger.publication.rollback import RollbackError
from verger.s3 import clients
from verger.settings import Settings
from verger.tables.parquet import Store
from verger_reader import PublicationError, open_publication

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)


def upload(client: S3Client, bucket: str, written: WrittenBucket) -> None:
    for path in (path for path in written.folder.rglob("*") if path.is_file()):
        client.upload_file(str(path), bucket, path.relative_to(written.folder).as_posix())


@pytest.fixture
def written(client: S3Client, bucket: str, tmp_path: Path) -> WrittenBucket:
    """The runs `007` and `2026-01-02` are published in the bucket. Both have the basis of `007`."""
    folder = tmp_path / "bucket"
    made = orchard(folder, WrittenBucket(folder, artifacts=write_artifacts(folder)))
    upload(client, bucket, made)
    return made


def export(settings: Settings, client: S3Client, run: str, target: Path) -> None:
    bundle.export(client, Store(clients.filesystem(client), settings.storage.bucket), run, target, NOW)


def test_the_command_writes_a_bundle_that_opens_without_s3(bucket: str, written: WrittenBucket, tmp_path: Path) -> None:
    target = tmp_path / "a bundle é.zip"
    target.write_bytes(b"an earlier file")
    done = command(bucket, "export", "2026-01-02", str(target))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{target}: run 2026-01-02, 6 photos, k = 6, ")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [target.name]
    carried, published = open_publication(target.as_uri()), open_publication(written.root)
    assert (carried.run, carried.photos, carried.k) == ("2026-01-02", 6, 6)
    assert (carried.basis().components == written.components).all()
    assert carried.labels() == published.labels() == {"Poire à cuire": 4, "柿": 2}
    assert carried.facts["bundle"]["root"] == f"s3://{bucket}"
    for read in (carried.features, carried.pca):
        with pytest.raises(PublicationError, match=rf"a bundle has no table \w+: open s3://{bucket} to read it"):
            read()
    with pytest.raises(PublicationError, match=r"expected run 007 in it or its history, found: 2026-01-02"):
        open_publication(target.as_uri(), run="007")


def test_a_bundle_is_compared_with_what_is_published_now(
    settings: Settings, client: S3Client, bucket: str, written: WrittenBucket, tmp_path: Path
) -> None:
    export(settings, client, "007", tmp_path / "earlier.zip")
    export(settings, client, "2026-01-02", tmp_path / "bundle.zip")
    earlier, carried = (open_publication((tmp_path / name).as_uri()) for name in ("earlier.zip", "bundle.zip"))
    root = carried.facts["bundle"]["root"]
    assert str(carried.compare_with(open_publication(root))) == "run 2026-01-02: the same publication"
    found = earlier.compare_with(open_publication(root))
    assert found.vectors_comparable
    assert str(found).startswith("run 007 is not the publication: run 2026-01-02 is; same model, preprocessing")
    written.unpublish()
    upload(client, bucket, written)
    assert "everything was unpublished" in str(carried.compare_with(open_publication(root)))


def test_an_unknown_run_lists_the_kept_ones(
    settings: Settings, client: S3Client, written: WrittenBucket, tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match=r"^run zero: found no kept snapshot .* one of these runs: 2026-01-02, 007$"):
        export(settings, client, "zero", tmp_path / "bundle.zip")
    with pytest.raises(BundleError, match=r"expected a name that ends in \.zip"):
        export(settings, client, "007", tmp_path / "bundle")
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []


def test_nothing_published_is_an_error(settings: Settings, client: S3Client, tmp_path: Path) -> None:
    with pytest.raises(RollbackError, match="expected a publication, found none"):
        export(settings, client, "007", tmp_path / "bundle.zip")


@pytest.mark.parametrize("name", ["manifest.json", "verger_spark.zip", "model/canary.json"])
def test_altered_and_missing_files_are_errors(
    settings: Settings, client: S3Client, written: WrittenBucket, name: str, tmp_path: Path
) -> None:
    bucket = settings.storage.bucket
    key = f"artifacts/{written.artifacts['artifacts']}/{name}"
    client.put_object(Bucket=bucket, Key=key, Body=b"{}")
    with pytest.raises(BundleError, match=rf"{name}: altered: expected SHA-256 "):
        export(settings, client, "007", tmp_path / "bundle.zip")
    client.delete_object(Bucket=bucket, Key=key)
    with pytest.raises(BundleError, match=rf"{name}: expected a file of the snapshot, found none"):
        export(settings, client, "007", tmp_path / "bundle.zip")
    assert not (tmp_path / "bundle.zip").exists()


def test_a_missing_basis_is_an_error(
    settings: Settings, client: S3Client, bucket: str, written: WrittenBucket, tmp_path: Path
) -> None:
    client.delete_object(Bucket=bucket, Key="models/pca/run=007/data/part-0.parquet")
    with pytest.raises(BundleError, match="models/pca/run=007/data/: expected a file of the snapshot, found none"):
        export(settings, client, "007", tmp_path / "bundle.zip")


def test_a_snapshot_of_an_earlier_verger_is_an_error(
    settings: Settings, client: S3Client, bucket: str, tmp_path: Path
) -> None:
    folder = tmp_path / "bucket"
    made = orchard(folder, WrittenBucket(folder, artifacts=write_artifacts(folder, libraries=None)))
    upload(client, bucket, made)
    with pytest.raises(BundleError, match=r"run 007: an earlier Verger published it.*start a run"):
        export(settings, client, "007", tmp_path / "bundle.zip")


@pytest.mark.parametrize("damage", ["cut", "no zip", "flipped"])
def test_a_damaged_bundle_is_an_error(
    settings: Settings, client: S3Client, written: WrittenBucket, damage: str, tmp_path: Path
) -> None:
    target = tmp_path / "bundle.zip"
    export(settings, client, "007", target)
    content = bytearray(target.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    target.write_bytes({"cut": bytes(content[:-200]), "no zip": b"no zip", "flipped": bytes(content)}[damage])
    with pytest.raises(PublicationError, match="expected a bundle, found a damaged zip file"):
        open_publication(target.as_uri())
    with pytest.raises(PublicationError, match="no such file, expected a bundle"):
        open_publication((tmp_path / "other.zip").as_uri())


def test_published_json_is_the_last_file_of_a_bundle(
    settings: Settings, client: S3Client, written: WrittenBucket, tmp_path: Path
) -> None:
    export(settings, client, "007", tmp_path / "bundle.zip")
    with zipfile.ZipFile(tmp_path / "bundle.zip") as archive:
        assert archive.namelist()[-1] == "published.json"
        assert json.loads(archive.read("published.json"))["history"] == []


def command(bucket: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "verger.publication", *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT / "plugins"), "VERGER_BUCKET": bucket},
        capture_output=True,
        text=True,
        check=False,
    )
