"""Features and coordinates of new photos by verger_reader: inputs, errors, versions, comparison of publications."""

from __future__ import annotations

import importlib.metadata
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image

from tests.written_artifacts import pins, write_artifacts
from tests.written_publication import K, WrittenBucket, orchard
from verger_contract.preprocessing import Decoding, preprocessing
from verger_photo.decode import decode
from verger_photo.model import Featurizer, Model
from verger_reader import Publication, PublicationError, UnreadablePhoto, open_publication

PIXELS = numpy.random.default_rng(8).integers(0, 256, (90, 120, 3), dtype=numpy.uint8)


def encoded(form: str = "PNG", pixels: Any = PIXELS, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> WrittenBucket:
    folder = tmp_path_factory.mktemp("bucket") / "50 % é"
    made = WrittenBucket(folder, artifacts=write_artifacts(folder))
    return orchard(folder, made)


@pytest.fixture(scope="module")
def published(bucket: WrittenBucket) -> Publication:
    return open_publication(bucket.root)


@pytest.fixture(scope="module")
def pipeline(bucket: WrittenBucket) -> Featurizer:
    folder = bucket.folder / "artifacts" / bucket.artifacts["artifacts"] / "model"
    return Featurizer(Model.of(str(folder), lambda name: (folder / name).read_bytes()))


def test_all_inputs_give_the_features_of_the_pipeline(
    published: Publication, pipeline: Featurizer, tmp_path: Path
) -> None:
    content, path = encoded(), tmp_path / "fruit.png"
    path.write_bytes(content)
    expected, featurizer = pipeline.features(decode(content)), published.featurizer()
    assert expected.dtype == numpy.float32
    assert expected.shape == (1280,)
    for photo in (content, bytearray(content), str(path), path, Image.open(path), Image.fromarray(PIXELS)):
        assert featurizer(photo).tobytes() == expected.tobytes()
    assert featurizer(rgb=PIXELS).tobytes() == expected.tobytes()
    assert featurizer(rgb=PIXELS[:, ::-1][:, ::-1]).tobytes() == expected.tobytes()
    assert (featurizer(rgb=PIXELS[..., ::-1]) != expected).any(), "BGR is another picture"
    assert featurizer.features_of([path, content]).tobytes() == expected.tobytes() * 2
    assert featurizer.features_of([]).shape == (0, 1280)


def test_vectors_are_the_projected_features(published: Publication, bucket: WrittenBucket) -> None:
    features, vector = published.featurizer()(encoded()), published.vectors(encoded())
    assert vector.dtype == numpy.float64
    assert vector.shape == (K,)
    assert vector.tobytes() == published.basis().project(features).tobytes() == published.vectors(features).tobytes()
    assert published.vectors(rgb=PIXELS).tobytes() == vector.tobytes()
    assert published.vectors(numpy.stack([features] * 3)).shape == (3, K)
    with pytest.raises(TypeError, match="pass it by name, rgb=array"):
        published.vectors(PIXELS)


def test_the_decoding_is_that_of_the_publication(bucket: WrittenBucket, pipeline: Featurizer) -> None:
    camera = encoded("JPEG", numpy.kron(PIXELS, numpy.ones((12, 12, 1), numpy.uint8)))
    scaled = numpy.asarray(pipeline.features(decode(camera, Decoding.SCALED)))
    assert (scaled != pipeline.features(decode(camera))).any()
    published = open_publication(bucket.root)
    facts = {**published.facts, "model": {**published.facts["model"], "preprocessing": preprocessing(Decoding.SCALED)}}
    assert Publication(published.location, facts).featurizer()(camera).tobytes() == scaled.tobytes()


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (b"", "empty file", "empty file (0 bytes)"),
        (b"no photo", "not an image", "not an image ("),
        (encoded("JPEG")[:-500], "damaged image", "damaged image ("),
    ],
)
def test_an_unreadable_photo_has_the_reason_of_its_reject(
    published: Publication, content: bytes, kind: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "photo").write_bytes(content)
    featurizer = published.featurizer()
    with pytest.raises(UnreadablePhoto) as found:
        featurizer(content)
    assert found.value.kind == kind
    assert found.value.reason == str(found.value)
    assert found.value.reason.startswith(reason)
    with pytest.raises(UnreadablePhoto) as named:
        featurizer(tmp_path / "photo")
    assert str(named.value) == f"{tmp_path / 'photo'}: {found.value.reason}"
    with pytest.raises(FileNotFoundError):
        featurizer(tmp_path / "no such photo")


def test_other_versions_are_an_error_that_names_the_command(
    published: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.2" if name == "pillow" else installed(name))
    command = f"pip install pillow=={pins()['pillow']} ai-edge-litert=={pins()['ai-edge-litert']}`"
    with pytest.raises(PublicationError, match=f"expected pillow {pins()['pillow']}, found 1.2: .*{command}"):
        published.featurizer()
    assert published.featurizer(any_versions=True)(encoded()).shape == (1280,)


def test_a_missing_library_is_an_error_that_names_the_command(
    published: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    with pytest.raises(PublicationError, match=r"expected pillow \S+, found none; expected ai-edge-litert \S+, found"):
        published.featurizer()


@pytest.mark.parametrize(
    "name", ["manifest.json", "verger_spark.zip", "model/mobilenet_v2.tflite", "model/canary.json"]
)
def test_altered_and_missing_files_are_errors(bucket: WrittenBucket, name: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(bucket.folder, tmp_path / "copy"))
    path = folder / "artifacts" / bucket.artifacts["artifacts"] / name
    with path.open("ab") as file:
        file.write(b" ")
    published = open_publication(folder.as_uri())
    with pytest.raises(PublicationError, match=f"{name}: altered: expected SHA-256 "):
        published.featurizer()
    path.unlink()
    with pytest.raises(PublicationError, match=f"{name}: no such file"):
        published.featurizer()


def changed(bucket: WrittenBucket, folder: Path, **artifacts: Any) -> Publication:
    """A copy of the bucket with other members of published.json."""
    shutil.copytree(bucket.folder, folder, dirs_exist_ok=True)
    document = json.loads((folder / "published.json").read_text())
    (folder / "published.json").write_text(json.dumps(document | artifacts))
    return open_publication(folder.as_uri())


def test_a_publication_of_an_earlier_verger_is_an_error(bucket: WrittenBucket, tmp_path: Path) -> None:
    earlier = write_artifacts(tmp_path, libraries=None)
    del earlier["model"]["preprocessing"]
    with pytest.raises(PublicationError, match=r"an earlier Verger published it.*run the DAG"):
        changed(bucket, tmp_path, **earlier).featurizer()


def test_code_of_another_preprocessing_is_an_error(bucket: WrittenBucket, tmp_path: Path) -> None:
    later = bucket.artifacts["model"] | {"preprocessing": "99-exact"}
    with pytest.raises(PublicationError, match=r"expected the preprocessing 99-exact, found .*; use another process"):
        changed(bucket, tmp_path, model=later).featurizer()


def test_a_wrong_canary_is_an_error(bucket: WrittenBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Path(shutil.copytree(bucket.folder / "artifacts" / bucket.artifacts["artifacts"] / "model", tmp_path / "m"))
    canary = json.loads((model / "canary.json").read_text())
    canary["features"][17] += 0.01
    (model / "canary.json").write_text(json.dumps(canary))
    monkeypatch.setattr("tests.written_artifacts.MODEL", model)
    with pytest.raises(PublicationError, match="canary: the features of the fixed image differ"):
        changed(bucket, tmp_path / "copy", **write_artifacts(tmp_path / "copy")).featurizer()


def test_labels_are_counted(published: Publication) -> None:
    assert published.labels() == {"Poire à cuire": 4, "柿": 2}


@pytest.mark.parametrize(
    ("changes", "features", "vectors", "text"),
    [
        ({}, True, True, "run 2026-01-02: the same publication"),
        ({"run": "later"}, True, True, "features and vectors are comparable"),
        ({"run": "later", "basis": "later"}, True, False, "other components: features are comparable, vectors are not"),
        ({"run": "later", "model": {"preprocessing": "3-exact"}}, False, False, "neither features nor vectors"),
        ({"run": None, "basis": None}, True, False, "nothing, because everything was unpublished, is"),
    ],
)
def test_publications_are_compared(
    published: Publication, changes: dict[str, Any], features: bool, vectors: bool, text: str
) -> None:
    model = {**published.facts["model"], **changes.get("model", {})}
    other = Publication(published.location, {**published.facts, **changes, "model": model})
    found = published.compare_with(other)
    assert (found.features_comparable, found.vectors_comparable) == (features, vectors)
    assert text in str(found)
