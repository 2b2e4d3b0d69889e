"""verger_reader.py alone computes the features of step 1, to the bit: from a copy of the bucket and from a bundle."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pyarrow.fs import S3FileSystem

import verger_reader
from local_aws.stack import Stack
from tests.places import ROOT
from tests.spark_jobs.conftest import Submit
from tests.verger_photo.accepted import accepted_photos
from tests.written_artifacts import write_artifacts
from tests.written_publication import WrittenBucket, photo
from verger.tables.parquet import Store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PHOTOS, BUNDLED = 100, "bundled"

bundle = importlib.import_module("verger.publication.bundle")  # mypy finds no Airflow here

CONSUMER = """
import json, pathlib, sys
import numpy, verger_reader
root, photos, target = sys.argv[1:]
published = verger_reader.open_publication(root)
featurizer = published.featurizer()
paths = [pathlib.Path(photos, name) for name in json.load(sys.stdin)]
numpy.savez(
    target,
    by_path=featurizer.features_of(paths),
    by_bytes=featurizer.features_of(path.read_bytes() for path in paths),
    vectors=numpy.stack([published.vectors(path) for path in paths]),
)
print(sys.modules["verger_photo"].__file__, sorted(published.labels()))
"""


@dataclass(frozen=True)
class Published:
    """A copy of a bucket with the features that step 1 computed, the bundle of it, and the folder of the photos."""

    bucket: WrittenBucket
    bundle: Path
    photos: Path

    @property
    def paths(self) -> list[str]:
        return sorted(self.bucket.current)

    def artifacts(self, name: str) -> bytes:
        """A file of the artifact set."""
        sha256: str = self.bucket.artifacts["artifacts"]
        return (self.bucket.folder / "artifacts" / sha256 / name).read_bytes()


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, featurize: Submit, stack: Stack, s3: S3Client) -> Published:
    folder = tmp_path_factory.mktemp("photos")
    for name, content in accepted_photos(PHOTOS):
        path = folder / "images" / name.split()[1] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    finished = featurize(folder)
    assert finished.code == 0, finished.output
    assert finished.rows("rejects") == []
    bucket = WrittenBucket(tmp_path_factory.mktemp("bucket"))
    bucket.artifacts = write_artifacts(bucket.folder)
    rows = finished.rows("features")
    bucket.publish("one", [photo(row["path"], row["etag"], np.array(row["features"], np.float32)) for row in rows])
    target = tmp_path_factory.mktemp("bundle") / "bundle.zip"
    with uploaded(stack, s3, bucket.folder) as store:
        bundle.export(s3, store, "one", target, datetime.now(UTC))
    return Published(bucket, target, folder)


@contextmanager
def uploaded(stack: Stack, s3: S3Client, folder: Path) -> Iterator[Store]:
    """Upload a copy of a bucket to S3, and delete it again."""
    s3.create_bucket(Bucket=BUNDLED)
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    for key, path in files.items():
        s3.upload_file(str(path), BUNDLED, key)
    endpoint = stack.environment()["AWS_ENDPOINT_URL_S3"]
    yield Store(S3FileSystem(endpoint_override=endpoint, region=s3.meta.region_name), BUNDLED)
    for key in files:
        s3.delete_object(Bucket=BUNDLED, Key=key)
    s3.delete_bucket(Bucket=BUNDLED)


@pytest.fixture(scope="module", params=["bucket", "bundle"])
def consumed(
    request: pytest.FixtureRequest, published: Published, node_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Any]:
    """What a consumer prints and computes who has only verger_reader.py and the libraries, and no way to S3."""
    folder = tmp_path_factory.mktemp("consumer")
    shutil.copy(ROOT / "verger_reader.py", folder)
    root = {"bucket": published.bucket.root, "bundle": published.bundle.as_uri()}[request.param]
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
    done = subprocess.run(
        [node_python, "-c", CONSUMER, root, published.photos, folder / "found.npz"],
        cwd=folder, env=variables, input=json.dumps(published.paths), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, np.load(folder / "found.npz")


def test_the_features_are_those_of_step_1_to_the_bit(published: Published, consumed: tuple[str, Any]) -> None:
    _, found = consumed
    expected = np.stack([published.bucket.current[path]["features"] for path in published.paths])
    assert expected.shape == (PHOTOS, 1280)
    assert len(np.unique(expected, axis=0)) == PHOTOS, "each photo has other features"
    assert found["by_path"].tobytes() == found["by_bytes"].tobytes() == expected.tobytes()


def test_the_vectors_are_the_published_ones(published: Published, consumed: tuple[str, Any]) -> None:
    _, found = consumed
    pca = verger_reader.open_publication(published.bucket.root).pca().sort_by("path")
    np.testing.assert_allclose(found["vectors"], verger_reader.matrix(pca["pca_features"]), rtol=1e-12, atol=1e-12)


def test_the_code_is_that_of_the_artifact_set(published: Published, consumed: tuple[str, Any]) -> None:
    printed, _ = consumed
    code, labels = printed.strip().split(" ", 1)
    sha256 = json.loads(published.artifacts("manifest.json"))["files"]["verger_spark.zip"]["sha256"]
    assert code.endswith(f"{sha256}.zip/verger_photo/__init__.py")
    assert labels == str(sorted({path.split("/")[1] for path in published.paths}))


def test_the_bundle_is_a_copy_of_its_part_of_the_bucket(published: Published) -> None:
    with zipfile.ZipFile(published.bundle) as archive:
        names = set(archive.namelist())
        artifacts = f"artifacts/{published.bucket.artifacts['artifacts']}"
        assert names == {
            "published.json",
            "labels.json",
            "models/pca/run=one/data/part-0.parquet",
            *(f"{artifacts}/{name}" for name in ("manifest.json", "verger_spark.zip")),
            *(f"{artifacts}/model/{name}" for name in ("mobilenet_v2.tflite", "model.json", "canary.json")),
        }
        for name in names - {"published.json", "labels.json"}:
            assert archive.read(name) == (published.bucket.folder / name).read_bytes()
