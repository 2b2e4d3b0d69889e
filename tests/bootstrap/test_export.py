"""The exported model and its canary, checked by Keras and by the code of the steps. Needs the export environment."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bootstrap import manifest
from bootstrap.build import Build, build, cached_model
from bootstrap.cache import Cache
from tests.places import ROOT, STATE, environment_python, of_long_form
from verger_photo import canary

MODEL_FILES = ("mobilenet_v2.tflite", "model.json", "canary.json")


@pytest.fixture(scope="module")
def random_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    environment_python("export")
    return build(dataclasses.replace(Build(weights="random"), out=tmp_path_factory.mktemp("random")))


@pytest.fixture(scope="module")
def node_python(artifact_set: Path) -> Path:
    env_dir = STATE / "node" / artifact_set.name
    command = ["bash", str(ROOT / "bootstrap" / "bootstrap_emr.sh"), artifact_set.as_uri(), str(env_dir)]
    subprocess.run(command, capture_output=True, check=True)
    return env_dir / "bin" / "python"


def featurize_canary(python: Path, model: Path) -> subprocess.CompletedProcess[str]:
    """Load a model as step 1 does, and check its canary."""
    code = (
        "import sys; from verger_photo.model import Featurizer; from verger_spark.features.model import load_model; "
        "Featurizer(load_model(sys.argv[1])); print('accepted')"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'spark_jobs'}:{ROOT / 'plugins'}"}
    command: list[str | Path] = [python, "-c", code, model.as_uri()]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_canary_equals_keras(artifact_set: Path, tmp_path: Path) -> None:
    (tmp_path / "canary.png").write_bytes(canary.draw())
    command: list[str | Path] = [environment_python("export"), "-m", "bootstrap.keras_features", tmp_path / "out.npy"]
    command += [tmp_path / "canary.png", tmp_path / "canary.png", "--pip-python", environment_python("uv")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    computed = np.load(tmp_path / "out.npy")
    expected = json.loads((artifact_set / "model" / "canary.json").read_text())["features"]
    assert (computed.shape, computed.dtype) == ((2, 1280), np.float32)
    np.testing.assert_allclose(computed, [expected, expected], rtol=0, atol=2e-5)
    assert np.ptp(expected) > 1  # the features of different models would differ


@of_long_form
def test_the_export_is_deterministic(random_set: Path, tmp_path: Path) -> None:
    second = cached_model(Cache(tmp_path), Build(weights="random"))
    for name in MODEL_FILES:
        assert manifest.file_sha256(second / name) == manifest.file_sha256(random_set / "model" / name), name


def test_every_file_names_random_weights(random_set: Path) -> None:
    assert manifest.verify(random_set).weights == "random"
    card = json.loads((random_set / "model" / "model.json").read_text())
    assert (card["weights"], card["source"]) == ("random", "random, seed 20")
    assert json.loads((random_set / "model" / "canary.json").read_text())["weights"] == "random"


def test_the_steps_accept_each_model_with_its_own_canary(
    node_python: Path, artifact_set: Path, random_set: Path
) -> None:
    for folder in (artifact_set, random_set):
        done = featurize_canary(node_python, folder / "model")
        assert done.stdout == "accepted\n", done.stderr


def test_the_steps_reject_a_model_with_other_weights(
    node_python: Path, artifact_set: Path, random_set: Path, tmp_path: Path
) -> None:
    for name in ("mobilenet_v2.tflite", "model.json"):
        (tmp_path / name).write_bytes((random_set / "model" / name).read_bytes())
    (tmp_path / "canary.json").write_bytes((artifact_set / "model" / "canary.json").read_bytes())
    done = featurize_canary(node_python, tmp_path)
    assert done.returncode != 0
    assert "canary: the features of the fixed image differ" in done.stderr
