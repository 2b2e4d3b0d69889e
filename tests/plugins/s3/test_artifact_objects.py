"""An artifact set in the bucket: it is used after a comparison of every object with the manifest."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.plugins.conftest import with_storage
from tests.plugins.s3.test_artifacts import build, keys
from verger.s3.__main__ import main
from verger.s3.artifact_objects import LARGEST_MANIFEST
from verger.s3.artifacts import MODEL, ArtifactError, identity, stage
from verger.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return build(tmp_path)


@pytest.fixture
def remote(settings: Settings, client: S3Client, bucket: str, folder: Path, tmp_path: Path) -> Settings:
    """Settings of a set that was uploaded by another machine: the folder of these settings is missing."""
    stage(client, with_storage(settings, artifacts_dir=folder))
    uri = f"s3://{bucket}/artifacts/{folder.name}/"
    return with_storage(settings, artifacts_uri=uri, artifacts_dir=tmp_path / "missing")


def test_a_set_in_the_bucket_is_used_as_if_it_was_uploaded_from_a_folder(
    remote: Settings, settings: Settings, client: S3Client, bucket: str, folder: Path
) -> None:
    before = keys(client, bucket)
    local = with_storage(settings, artifacts_dir=folder)
    assert stage(client, remote) == stage(client, local)
    assert identity(client, remote.storage) == identity(client, local.storage)
    assert keys(client, bucket) == before


def refused(remote: Settings, client: S3Client) -> str:
    with pytest.raises(ArtifactError) as caught:
        stage(client, remote)
    return str(caught.value)


@pytest.mark.parametrize("name", [MODEL, "pca.py"])
def test_a_missing_object_is_named(remote: Settings, client: S3Client, bucket: str, folder: Path, name: str) -> None:
    key = f"artifacts/{folder.name}/{name}"
    client.delete_object(Bucket=bucket, Key=key)
    expected = f"s3://{bucket}/{key}: missing from the artifact set (no such object); run `python -m verger.s3 upload-"
    assert refused(remote, client).startswith(expected)


@pytest.mark.parametrize("stored", [True, False], ids=["with a stored checksum", "without one"])
def test_an_object_with_other_content_of_the_same_size_is_named(
    remote: Settings, client: S3Client, bucket: str, folder: Path, stored: bool
) -> None:
    key = f"artifacts/{folder.name}/pca.py"
    options = {"ChecksumAlgorithm": "SHA256"} if stored else {}
    client.put_object(Bucket=bucket, Key=key, Body=b"content of pca.pY", **options)  # type: ignore[arg-type]
    message = refused(remote, client)
    assert message.startswith(f"s3://{bucket}/{key}: altered: expected SHA-256 ")
    assert f"; delete s3://{bucket}/{key}, and run " in message


def test_an_object_of_another_size_is_named(remote: Settings, client: S3Client, bucket: str, folder: Path) -> None:
    key = f"artifacts/{folder.name}/pca.py"
    client.put_object(Bucket=bucket, Key=key, Body=b"other")
    assert f"s3://{bucket}/{key}: altered: expected 17 bytes, found 5; delete " in refused(remote, client)


def test_a_missing_manifest_says_how_to_upload_the_set(remote: Settings, client: S3Client, bucket: str) -> None:
    absent = with_storage(remote, artifacts_uri=f"s3://{bucket}/artifacts/{'0' * 64}")
    with pytest.raises(ArtifactError, match=r"/manifest\.json: no artifact set .*; run `python -m verger.s3 upload"):
        identity(client, absent.storage)


@pytest.mark.parametrize(
    ("body", "message"),
    [(b"{}", "altered: expected SHA-256 "), (b" " * (LARGEST_MANIFEST + 1), "altered: expected at most 1,048,576")],
)
def test_an_altered_manifest_is_an_error(remote: Settings, client: S3Client, body: bytes, message: str) -> None:
    key = f"artifacts/{remote.storage.artifacts_sha256}/manifest.json"
    client.put_object(Bucket=remote.storage.bucket, Key=key, Body=body)
    with pytest.raises(ArtifactError, match=rf"/manifest\.json: {message}"):
        identity(client, remote.storage)


def test_random_weights_are_refused_unless_allowed(
    settings: Settings, client: S3Client, bucket: str, tmp_path: Path
) -> None:
    folder = build(tmp_path, weights="random")
    stage(client, with_storage(settings, artifacts_dir=folder, allow_random_weights=True))
    remote = with_storage(settings, artifacts_uri=f"s3://{bucket}/artifacts/{folder.name}")
    assert "random weights, so its features mean nothing" in refused(remote, client)


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(bucket: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Return a function that runs `python -m verger.s3`: exit status, last line of output, errors."""

    def run(name: str, **environment: str) -> tuple[int, str, str]:
        with monkeypatch.context() as patch:
            for variable, value in {"VERGER_BUCKET": bucket, **environment}.items():
                patch.setenv(variable, value)
            status = main([name])
        output = capsys.readouterr()
        return status, (output.out.splitlines() or [""])[-1], output.err

    yield run
    logging.disable(logging.NOTSET)


def test_the_commands_upload_a_set_and_verify_it(command: Command, client: S3Client, bucket: str, folder: Path) -> None:
    uri = f"s3://{bucket}/artifacts/{folder.name}/"
    uploaded = command("upload-artifacts", VERGER_ARTIFACTS_DIR=str(folder))
    assert uploaded[:2] == (0, f"VERGER_ARTIFACTS_URI={uri}")
    verified = command("verify-artifacts", VERGER_ARTIFACTS_URI=uri)
    assert verified[:2] == (0, f"{uri}: 8 files, 0 MB, as in the manifest")
    client.delete_object(Bucket=bucket, Key=f"artifacts/{folder.name}/{MODEL}")
    status, _, errors = command("verify-artifacts", VERGER_ARTIFACTS_URI=uri)
    assert status == 1
    assert f"verger: error: {uri}{MODEL}: missing from the artifact set" in errors


def test_the_command_that_verifies_needs_an_address(command: Command) -> None:
    status, _, errors = command("verify-artifacts")
    assert status == 1
    assert "verger: error: VERGER_ARTIFACTS_URI: not set; expected " in errors
