"""examples/classify.py on a small publication: accuracy, photos held apart, neighbours of a new photo, errors."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from PIL import Image

from examples import classify
from examples.classify import Photos
from tests.places import ROOT
from tests.written_artifacts import write_artifacts
from tests.written_publication import WIDTH, WrittenBucket, photo
from verger_photo.decode import decode
from verger_photo.model import Featurizer, Model
from verger_reader import open_publication

LABELS, PER_LABEL = {"Apple": (200, 30, 40), "Kiwi": (60, 120, 30), "柿": (240, 140, 20)}, 12


def drawn(colour: tuple[int, int, int], seed: int) -> bytes:
    noise = numpy.random.default_rng(seed).integers(-15, 16, (60, 60, 3))
    buffer = io.BytesIO()
    Image.fromarray((numpy.array(colour) + noise).clip(0, 255).astype(numpy.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> WrittenBucket:
    """A publication of photos in three colours, with the features that the pipeline computes."""
    folder = tmp_path_factory.mktemp("bucket")
    made = WrittenBucket(folder, artifacts=write_artifacts(folder))
    model = folder / "artifacts" / made.artifacts["artifacts"] / "model"
    featurizer = Featurizer(Model.of(str(model), lambda name: (model / name).read_bytes()))
    rows = [
        photo(f"images/{label}/{number}.png", str(number), featurizer.features(decode(drawn(colour, number))))
        for label, colour in LABELS.items()
        for number in range(PER_LABEL)
    ]
    made.publish("one", rows)
    return made


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "examples/classify.py", *arguments]
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


def test_a_new_photo_is_classified_with_its_neighbours(bucket: WrittenBucket, tmp_path: Path) -> None:
    (tmp_path / "new.png").write_bytes(drawn(LABELS["Kiwi"], 99))
    (tmp_path / "text.png").write_bytes(b"no photo")
    (tmp_path / "published.png").write_bytes(drawn(LABELS["柿"], 3))
    done = run(bucket.root, *(tmp_path / name for name in ("new.png", "text.png", "published.png", "missing.png")))
    lines = done.stdout.splitlines()
    assert lines[0] == "run one: 36 photos, 3 labels, k = 6"
    assert lines[1] == "accuracy 1.0000 on 6 photos held apart: the last photos of each label"
    assert lines[2] == "accuracy 1.0000 on 6 photos held apart: random photos of each label"
    assert lines[3].startswith(f"{tmp_path / 'new.png'}: Kiwi (probability ")
    neighbours = [line.split() for line in lines[4:9]]
    assert {label for _, label, _ in neighbours} == {"Kiwi"}
    assert [float(distance) for distance, _, _ in neighbours] == sorted(float(row[0]) for row in neighbours)
    assert lines[10].split() == ["0.000", "柿", "images/柿/3.png"]
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if not line.startswith("INFO:")]  # of LiteRT
    assert [line.partition("cannot be classified: ")[0] for line in errors] == [
        f"{tmp_path / name}: " for name in ("text.png", "missing.png")
    ]


def test_a_folder_without_publication_is_an_error(tmp_path: Path) -> None:
    done = run((tmp_path / "nothing").as_uri())
    assert done.returncode == 1
    assert done.stderr.startswith(f"classify: error: {(tmp_path / 'nothing').as_uri()}/published.json: does not exist")


def photos(labels: str, vectors: list[int]) -> Photos:
    paths = numpy.array([f"images/{label}/{number}" for number, label in enumerate(labels)], dtype=object)
    return Photos(paths, numpy.array(list(labels), dtype=object), numpy.array(vectors, dtype=float)[:, None])


def test_the_last_photos_of_each_label_are_held_apart() -> None:
    labels = numpy.array(list("aaaaaaaaaabbbbbcdd"), dtype=object)
    held = classify.last_of_each_label(labels)
    assert numpy.flatnonzero(held).tolist() == [8, 9, 14, 17], "a label with one photo only trains"
    random = classify.random_of_each_label(labels)
    assert sorted(labels[random]) == sorted(labels[held])
    assert (random != held).any()


def test_copies_of_training_photos_are_not_measured() -> None:
    every = photos("aaabbb", [1, 2, 2, 7, 8, 9])
    held = numpy.array([False, False, True, False, False, True])
    measured = classify.without_duplicates(every.part(held), every.part(~held))
    assert measured.paths.tolist() == ["images/b/5"]


def test_names_are_ordered_by_their_numbers(tmp_path: Path) -> None:
    bucket = WrittenBucket(tmp_path)
    names = [f"images/Kiwi/r_{number}_100.jpg" for number in (0, 2, 9, 10, 100)]
    bucket.publish("one", [photo(name, "1", numpy.ones(WIDTH)) for name in reversed(names)])
    found = classify.read(open_publication(bucket.root))
    assert found.paths.tolist() == names


def test_too_few_photos_are_an_error(tmp_path: Path) -> None:
    bucket = WrittenBucket(tmp_path)
    bucket.publish("one", [photo("images/Kiwi/1.jpg", "1", numpy.ones(WIDTH))])
    done = run(bucket.root)
    assert done.returncode == 1
    assert done.stderr == "classify: error: 1 photos of 1 labels are too few to measure a classifier\n"
