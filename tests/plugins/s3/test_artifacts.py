"""The upload of the artifact set: a set that is incomplete, altered or random is never uploaded."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.plugins.conftest import with_storage
from verger.s3.artifacts import MODEL, REQUIRED, ArtifactError, ArtifactSet, identity, stage
from verger.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def build(
    folder: Path, weights: str = "imagenet", without: str = "", preprocessing: object = 2, arch: str = "x86_64"
) -> Path:
    """Write a set with the file names of a real one to a folder that is named by its SHA-256."""
    draft = folder / "draft"
    files = {}
    for name in REQUIRED:
        content = f"content of {name}".encode()
        (draft / name).parent.mkdir(parents=True, exist_ok=True)
        (draft / name).write_bytes(content)
        if name != without:
            files[name] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    facts = {"weights": weights, "arch": arch} | ({"preprocessing": preprocessing} if preprocessing else {})
    manifest = json.dumps({**facts, "files": files}).encode()
    (draft / "manifest.json").write_bytes(manifest)
    return draft.rename(folder / hashlib.sha256(manifest).hexdigest())


@pytest.fixture
def built(tmp_path: Path, settings: Settings) -> Settings:
    """Settings whose artifact set is a link, as the build creates it."""
    (tmp_path / "current").symlink_to(build(tmp_path).name)
    return with_storage(settings, artifacts_dir=tmp_path / "current")


def keys(client: S3Client, bucket: str) -> dict[str, Any]:
    return {item["Key"]: item["LastModified"] for item in client.list_objects_v2(Bucket=bucket).get("Contents", ())}


def test_a_set_is_uploaded_once_under_its_own_hash(built: Settings, client: S3Client, bucket: str) -> None:
    staged = stage(client, built)
    sha256 = built.storage.artifacts_dir.resolve().name
    assert staged == {
        "sha256": sha256,
        "uri": f"s3://{bucket}/artifacts/{sha256}",
        "environment": f"/opt/verger/{sha256[:12]}",
        "weights": "imagenet",
        "model_sha256": hashlib.sha256(f"content of {MODEL}".encode()).hexdigest(),
        "preprocessing_version": "2",
    }
    assert identity(client, built.storage) == ArtifactSet(sha256, staged["model_sha256"], 2)
    first = keys(client, bucket)
    assert set(first) == {f"artifacts/{sha256}/{name}" for name in (*REQUIRED, "manifest.json")}
    assert stage(client, built) == staged
    assert keys(client, bucket) == first


def test_a_second_try_adds_the_files_that_an_interrupted_upload_left_out(
    built: Settings, client: S3Client, bucket: str
) -> None:
    prefix = f"artifacts/{built.storage.artifacts_dir.resolve().name}"
    stage(client, built)
    for name in ("manifest.json", MODEL):
        client.delete_object(Bucket=bucket, Key=f"{prefix}/{name}")
    stage(client, built)
    assert {f"{prefix}/manifest.json", f"{prefix}/{MODEL}"} <= set(keys(client, bucket))


def refused(settings: Settings, client: S3Client, bucket: str) -> str:
    with pytest.raises(ArtifactError) as caught:
        stage(client, settings)
    assert keys(client, bucket) == {}
    return str(caught.value)


def test_the_error_for_a_missing_set_says_how_to_build_it(
    built: Settings, client: S3Client, bucket: str, tmp_path: Path
) -> None:
    message = refused(with_storage(built, artifacts_dir=tmp_path / "missing"), client, bucket)
    assert "missing/manifest.json: no artifact set (No such file or directory); run `make artifacts`" in message


def test_a_missing_file_is_named(built: Settings, client: S3Client, bucket: str) -> None:
    (built.storage.artifacts_dir / MODEL).unlink()
    assert f"{MODEL}: missing from the artifact set" in refused(built, client, bucket)


def test_an_altered_file_is_named(built: Settings, client: S3Client, bucket: str) -> None:
    (built.storage.artifacts_dir / "pca.py").write_text("content of pca.pY")
    message = refused(built, client, bucket)
    assert "pca.py: altered: expected SHA-256 " in message


def test_an_altered_manifest_is_an_error(built: Settings, client: S3Client, bucket: str) -> None:
    manifest = built.storage.artifacts_dir / "manifest.json"
    manifest.write_text(manifest.read_text().replace("imagenet", "Imagenet"))
    assert "manifest.json: altered: expected SHA-256 " in refused(built, client, bucket)


def test_a_set_without_a_required_file_is_refused(
    settings: Settings, client: S3Client, bucket: str, tmp_path: Path
) -> None:
    folder = build(tmp_path, without="featurize.py")
    assert "expected featurize.py in the list of files" in refused(
        with_storage(settings, artifacts_dir=folder), client, bucket
    )


@pytest.mark.parametrize(
    ("preprocessing", "found"), [(None, "none, as in a set of an earlier Verger"), ("2-exact", "2-exact")]
)
def test_a_set_whose_preprocessing_is_unknown_is_refused(
    settings: Settings, client: S3Client, tmp_path: Path, preprocessing: object, found: str
) -> None:
    expected = rf"manifest\.json: expected the number `preprocessing`, found {found}; run `make artifacts`"
    ours = with_storage(settings, artifacts_dir=build(tmp_path, preprocessing=preprocessing))
    with pytest.raises(ArtifactError, match=expected):
        identity(client, ours.storage)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": []}', '{"files": {"pca.py": 1}, "weights": "imagenet"}'])
def test_a_file_that_is_no_manifest_is_refused(
    settings: Settings, client: S3Client, bucket: str, tmp_path: Path, text: str
) -> None:
    (tmp_path / "manifest.json").write_text(text)
    message = refused(with_storage(settings, artifacts_dir=tmp_path), client, bucket)
    assert "manifest.json: expected the manifest of an artifact set, found " in message


def test_an_object_of_another_size_is_named(built: Settings, client: S3Client, bucket: str) -> None:
    stage(client, built)
    key = f"artifacts/{built.storage.artifacts_dir.resolve().name}/pca.py"
    client.put_object(Bucket=bucket, Key=key, Body=b"other")
    with pytest.raises(ArtifactError, match=rf"s3://{bucket}/{key}: altered: expected 17 bytes, found 5; delete"):
        stage(client, built)


def test_random_weights_are_refused_unless_allowed(
    settings: Settings, client: S3Client, bucket: str, tmp_path: Path
) -> None:
    ours = with_storage(settings, artifacts_dir=build(tmp_path, weights="random"))
    assert "random weights, so its features mean nothing" in refused(ours, client, bucket)
    assert stage(client, with_storage(ours, allow_random_weights=True))["weights"] == "random"


def test_a_copied_set_may_have_any_folder_name(built: Settings, client: S3Client, tmp_path: Path) -> None:
    shutil.copytree(built.storage.artifacts_dir.resolve(), tmp_path / "copy")
    copied = with_storage(built, artifacts_dir=tmp_path / "copy")
    assert stage(client, copied)["sha256"] == built.storage.artifacts_dir.resolve().name


TYPES = {"x86_64": ("m6i.xlarge", "c6i.xlarge"), "aarch64": ("m7g.xlarge", "c7g.xlarge")}
"""The primary node and the workers, by architecture."""


@pytest.mark.parametrize(("arch", "other"), [("x86_64", "aarch64"), ("aarch64", "x86_64")])
def test_a_set_for_another_architecture_than_that_of_the_nodes_is_not_staged(
    arch: str, other: str, settings: Settings, client: S3Client, tmp_path: Path
) -> None:
    folder = build(tmp_path, arch=arch)

    def of_types(primary: str, worker: str) -> Settings:
        cluster = replace(settings.cluster, worker_instance_types=(worker,), primary_instance_types=(primary,))
        return with_storage(replace(settings, cluster=cluster), artifacts_dir=folder)

    assert stage(client, of_types(*TYPES[arch]))["weights"] == "imagenet"
    message = f"for nodes of {arch}; expected {other}, because the cluster may have {', '.join(TYPES[other])}; build"
    with pytest.raises(ArtifactError, match=message):
        stage(client, of_types(*TYPES[other]))
