"""Step 1 by spark-submit over file://: equal to Keras, one row for each photo, errors."""

from __future__ import annotations

import argparse
import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from PIL import Image

import featurize as featurize_step
from featurize import Identity
from tests.places import ROOT, STATE, environment_python, long_form, real_photos
from tests.spark_jobs.conftest import ARTIFACTS, Finished, Submit
from tests.verger_photo import metadata
from verger_contract.preprocessing import Decoding, preprocessing
from verger_contract.schemas import REJECTS
from verger_spark.attempt import Attempt
from verger_spark.features.local_inventory import write_inventory
from verger_spark.io import table_file
from verger_spark.session import LazySession
from verger_spark.stopwatch import Stopwatch

IN_TASKS = ("--photos-per-task", "5")
"""The photos do not fit in one task, so that they are not processed in the driver."""


def photo(form: str = "JPEG", mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.radial_gradient("L").resize((100, 100)).convert(mode).save(buffer, form, **options)
    return buffer.getvalue()


def rotated() -> Image.Exif:
    """EXIF data that tell a viewer to rotate the photo."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def put(folder: Path, name: str, content: bytes) -> None:
    path = folder / "images" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


LEGAL = {
    "Kiwi/png.png": photo(form="PNG"),
    "Kiwi/grey.jpg": photo(mode="L"),
    "Kiwi/cmyk.jpg": photo(mode="CMYK"),
    "Kiwi/palette.png": photo(form="PNG", mode="P"),
    "Kiwi/rgba.png": photo(form="PNG", mode="RGBA"),
    "Kiwi/rotated.jpg": photo(exif=rotated()),
    "Kiwi/located.jpg": metadata.photo(),
    "Kiwi/animated.gif": photo(form="GIF", save_all=True, append_images=[Image.new("L", (100, 100))]),
    "Pomme é 1/a b+c%20#?=&.jpg": photo(),
    "Pomme é 1/a b+c #?=&.jpg": photo(),
    "りんご/赤い りんご.jpg": photo(),
    "/".join(["long " + "x" * 240] * 4) + "/photo.jpg": photo(),
}
REJECTED = {
    "Kiwi/empty.jpg": (b"", "empty file (0 bytes)"),
    "Kiwi/truncated.jpg": (photo()[:-300], "damaged image (image file is truncated"),
    "Kiwi/located and truncated.jpg": (metadata.photo()[:-300], "damaged image (image file is truncated"),
    "Kiwi/text.jpg": (b"not a photo", "not an image (no known image format"),
    "Kiwi/bomb.png": (None, "image too large (20000 x 20000 = 400,000,000 pixels"),
    "no folder.jpg": (photo(), "no label (it lies directly under 'images/'"),
    "Kiwi/deleted.jpg": (photo(), "deleted since it was listed"),
    "Kiwi/changed.jpg": (photo(), "changed since it was listed (etag was"),
}


@pytest.fixture(scope="module", params=[IN_TASKS, ()], ids=["in Spark tasks", "in the driver"])
def mixed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, featurize: Submit) -> Finished:
    folder = tmp_path_factory.mktemp("mixed")
    for name, content in LEGAL.items():
        put(folder, name, content)
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    for name, (broken, _) in REJECTED.items():
        put(folder, name, bomb.getvalue() if broken is None else broken)
    write_inventory(folder, folder / "inventory.parquet")
    (folder / "images/Kiwi/deleted.jpg").unlink()
    put(folder, "Kiwi/changed.jpg", photo(quality=20))
    finished = featurize(folder, *request.param)
    assert finished.code == 0, finished.output
    return finished


def test_every_readable_photo_has_features(mixed: Finished) -> None:
    rows = {row["path"].removeprefix("images/"): row for row in mixed.rows("features")}
    assert set(rows) == set(LEGAL)
    for path, row in rows.items():
        assert row["label"] == path.split("/")[-2]
        assert np.array(row["features"]).shape == (1280,)
        assert np.isfinite(row["features"]).all()


def test_every_other_photo_has_its_reason(mixed: Finished) -> None:
    rows = mixed.rows("rejects")
    assert sorted(row["path"].removeprefix("images/") for row in rows) == sorted(REJECTED)
    for row in rows:
        expected = REJECTED[row["path"].removeprefix("images/")][1]
        assert row["reason"].startswith(expected)
        assert row["kind"] == expected.partition(" (")[0]
        assert row["etag"]


def test_nothing_that_the_step_writes_has_metadata_of_a_photo(mixed: Finished) -> None:
    assert metadata.SECRET in (mixed.folder / "images/Kiwi/located.jpg").read_bytes()
    written = [path for path in mixed.folder.rglob("*") if path.is_file() and "images" not in path.parts]
    assert {path.suffix for path in written} >= {".parquet", ".json"}
    for path in written:
        rows = pq.read_table(path) if path.suffix == ".parquet" else None
        text = f"{rows.schema.metadata} {rows.to_pylist()}".encode() if rows is not None else path.read_bytes()
        assert metadata.SECRET not in text, path
    assert metadata.SECRET.decode() not in mixed.output


def test_metrics_and_progress_agree_with_what_was_written(mixed: Finished, request: pytest.FixtureRequest) -> None:
    metrics, progress = mixed.json("featurize.json"), mixed.json("progress.json")
    assert bool(metrics["application"]) is (request.node.callspec.params["mixed"] == IN_TASKS)
    assert metrics["photos"] == len(LEGAL) + len(REJECTED)
    assert metrics["featurized"] == len(LEGAL)
    assert metrics["rejected"] == len(REJECTED) == sum(metrics["rejects"].values())
    assert metrics["rejects"]["empty file"] == 1
    assert metrics["weights"] == json.loads((ARTIFACTS / "model/model.json").read_text())["weights"]
    assert progress["step"] == "featurize"
    assert progress["application"] == metrics["application"]
    assert progress["done"] == progress["total"] == len(LEGAL) + len(REJECTED)


@pytest.mark.parametrize("spark", ["spark", long_form("spark35")])
def test_equal_to_keras_on_real_photos(tmp_path: Path, featurize: Submit, spark: str) -> None:
    folder = real_photos(tmp_path, every=738, limit=32)
    finished = featurize(folder, *IN_TASKS, spark=spark)
    assert finished.code == 0, finished.output
    rows = finished.rows("features")
    assert len(rows) == 32
    reference = tmp_path / "keras.npy"
    command: list[str | Path] = [environment_python("export"), "-m", "bootstrap.keras_features", reference]
    pip: list[str | Path] = ["--pip-python", STATE / "venv" / "uv" / "bin" / "python"]
    subprocess.run([*command, *(folder / row["path"] for row in rows), *pip], check=True, cwd=ROOT)
    features = np.array([row["features"] for row in rows], dtype=np.float32)
    np.testing.assert_allclose(features, np.load(reference), rtol=0, atol=1e-4)


def test_a_model_with_other_weights_is_an_error(tmp_path: Path, featurize: Submit) -> None:
    put(tmp_path, "Kiwi/1.jpg", photo())
    model = tmp_path / "model"
    shutil.copytree(ARTIFACTS / "model", model)
    canary = json.loads((model / "canary.json").read_text())
    canary["features"][17] += 0.01
    (model / "canary.json").write_text(json.dumps(canary))
    finished = featurize(tmp_path, "--model", model.as_uri())
    assert finished.code == 1
    assert "verger: error: canary: the features of the fixed image differ" in finished.error
    assert not (tmp_path / "features").exists()


def test_a_damaged_model_is_an_error(tmp_path: Path, featurize: Submit) -> None:
    put(tmp_path, "Kiwi/1.jpg", photo())
    model = tmp_path / "model"
    shutil.copytree(ARTIFACTS / "model", model)
    with (model / "mobilenet_v2.tflite").open("ab") as file:
        file.write(b"\0")
    finished = featurize(tmp_path, "--model", model.as_uri())
    assert finished.code == 1
    assert "mobilenet_v2.tflite: expected SHA-256" in finished.error


def test_a_second_submission_ends_at_once(mixed: Finished, tmp_path: Path, featurize: Submit) -> None:
    folder = Path(shutil.copytree(mixed.folder, tmp_path / "second"))
    before = written(folder)
    second = featurize(folder)
    assert second.code == 0, second.output
    assert (
        f"verger: {len(LEGAL)} photos were featurized by an earlier attempt of this run: nothing to do" in second.output
    )
    assert written(folder) == before

    work = pq.read_table(folder / "inventory.parquet")
    unreadable = pc.is_in(work["path"], pa.array(["images/Kiwi/empty.jpg", "images/Kiwi/text.jpg"]))
    pq.write_table(work.filter(unreadable), folder / "inventory.parquet")
    other = featurize(folder)
    assert other.code == 0, other.output
    assert "verger: 0 photos featurized, 2 rejected" in other.output
    assert other.rows("features") == []
    assert [row["path"] for row in other.rows("rejects")] == ["images/Kiwi/empty.jpg", "images/Kiwi/text.jpg"]
    assert other.json("featurize.json")["rejects"] == {"empty file": 1, "not an image": 1}
    assert other.json("featurize.json")["inventory_etag"] != mixed.json("featurize.json")["inventory_etag"]


def test_scaled_decoding_changes_the_features_of_large_jpeg_files_only(tmp_path: Path, featurize: Submit) -> None:
    put(tmp_path, "Kiwi/small.jpg", photo())
    large = Image.effect_noise((2000, 1500), 90).convert("RGB")
    for name, form in (("large.jpg", "JPEG"), ("large.png", "PNG")):
        buffer = io.BytesIO()
        large.save(buffer, form)
        put(tmp_path, f"Kiwi/{name}", buffer.getvalue())
    write_inventory(tmp_path, tmp_path / "inventory.parquet")

    features: dict[str, dict[str, list[float]]] = {}
    for decoding in Decoding:
        finished = featurize(tmp_path, "--decoding", decoding.value)
        assert finished.code == 0, finished.output
        assert "verger: 3 photos featurized, 0 rejected" in finished.output, "the second step repeats the work"
        assert finished.json("featurize.json")["preprocessing"] == preprocessing(decoding)
        features[decoding] = {Path(row["path"]).name: row["features"] for row in finished.rows("features")}

    exact, scaled = features[Decoding.EXACT], features[Decoding.SCALED]
    assert {name for name in exact if exact[name] != scaled[name]} == {"large.jpg"}


def test_an_empty_inventory_gives_both_tables(tmp_path: Path, featurize: Submit) -> None:
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "_SUCCESS").touch()
    (tmp_path / "featurize.json").write_text('{"inventory_etag": "another", "model_sha256": "another"}')
    write_inventory(tmp_path / "images", tmp_path / "inventory.parquet")
    finished = featurize(tmp_path, spark="spark35")
    assert finished.code == 0, finished.output
    for name, columns in (
        ("features", ["path", "label", "etag", "features"]),
        ("rejects", ["path", "etag", "kind", "reason"]),
    ):
        assert pq.read_table(tmp_path / name).schema.names == columns
        assert finished.rows(name) == []
    metrics = finished.json("featurize.json")
    assert (metrics["photos"], metrics["featurized"], metrics["rejected"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("changed", "done"),
    [
        ({}, 5),
        ({"inventory_etag": "another"}, None),
        ({"model_sha256": "another"}, None),
        ({"preprocessing": "another"}, None),
        ({"rejects": {"access denied": 1}}, None),
        ({"rejects": {"unreadable at first": 1}}, None),
        ({"rejects": {"damaged image": 1}}, 5),
        ({"refused": "a number is not finite"}, None),
    ],
    ids=str,
)
def test_photos_done(tmp_path: Path, changed: dict[str, object], done: int | None) -> None:
    arguments = argparse.Namespace(metrics=f"{tmp_path.as_uri()}/m.json", features=f"{tmp_path.as_uri()}/features/")
    identity: Identity = {
        "inventory_etag": "this",
        "model": "this",
        "model_sha256": "this",
        "preprocessing": "this",
    }
    outputs = {name: f"{tmp_path.as_uri()}/{name}~0a1b2c3d/" for name in ("features", "rejects")}
    metrics = {**identity, "featurized": 5, "rejects": {}, "attempt": "0a1b2c3d", "outputs": outputs, **changed}
    (tmp_path / "m.json").write_text(json.dumps(metrics))
    assert featurize_step.photos_done(arguments, identity) is None, "no features were written"
    rows = [(f"images/Kiwi/{row}.jpg", "Kiwi", "etag") for row in range(5)]
    vectors = [np.zeros(1280, np.float32)] * 5
    written = table_file.write(outputs["features"], 0, table_file.features(rows, vectors))
    table_file.mark_complete(outputs["features"], [written])
    table_file.write_empty(outputs["rejects"], REJECTS.arrow)
    assert featurize_step.photos_done(arguments, identity) == done
    table_file.write(outputs["features"], 0, table_file.features(rows[:4], vectors[:4]))
    assert featurize_step.photos_done(arguments, identity) is None, "a file has changed since the step ended"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"running": {}}', '{"running": 7}'])
def test_malformed_metrics_are_not_adopted(tmp_path: Path, content: str) -> None:
    (tmp_path / "m.json").write_text(content)
    identity: Identity = {"inventory_etag": "this", "model": "", "model_sha256": "", "preprocessing": ""}
    arguments = argparse.Namespace(metrics=f"{tmp_path.as_uri()}/m.json")
    assert featurize_step.photos_done(arguments, identity) is None
    assert Attempt.begin(arguments.metrics, LazySession("step", Stopwatch()), identity).earlier == ()


def written(folder: Path) -> dict[Path, int]:
    """Files that the step wrote, and the time of each."""
    found = [*folder.glob("features/*"), *folder.glob("rejects/*"), folder / "featurize.json"]
    return {path: path.stat().st_mtime_ns for path in found}
