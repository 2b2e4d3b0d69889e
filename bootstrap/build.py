"""Build the artifact set: everything that cluster nodes and steps need. Its name is the SHA-256 of its manifest.

    python -m bootstrap.build [--weights imagenet|random] [--arch x86_64|aarch64] [--out .verger/artifacts]

It writes <out>/<sha256>/, and <out>/current becomes a symbolic link to it. The same inputs give the same SHA-256. Model
and wheelhouse come from a cache unless one of their inputs has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from bootstrap import manifest
from bootstrap.cache import Cache, install
from bootstrap.jobs_zip import package_zip
from bootstrap.manifest import ManifestError
from bootstrap.pip_download import DownloadError
from bootstrap.wheelhouse import ARCHITECTURES, LOCK_FILES, cached_wheelhouse

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".verger"
STEPS = ("featurize.py", "pca.py", "verify.py")
PACKAGES = ("spark_jobs/verger_spark", "spark_jobs/verger_verify", "plugins/verger_photo", "plugins/verger_contract")
MODEL_FILES = ("mobilenet_v2.tflite", "model.json", "canary.json")
FEATURE_LIBRARIES = ("pillow", "ai-edge-litert", "numpy")
"""The packages that determine the features of a photo: decoder and resize, network, and scaling."""

# The files that determine the exported model and its canary, besides the weights.
MODEL_INPUTS = (
    "bootstrap/export_model.py",
    "bootstrap/keras_features.py",
    "bootstrap/quiet_tensorflow.py",
    "bootstrap/weights.py",
    "bootstrap/weights.txt",
    "requirements/export.txt",
    "plugins/verger_photo/canary.py",
)


class BuildError(RuntimeError):
    """The set cannot be built. The message names what is missing and what to do."""


@dataclass(frozen=True)
class Build:
    """The options of a build.

    Attributes
    ----------
    weights : str
        imagenet or random.
    arch : str
        Architecture of the nodes, x86_64 or aarch64.
    out, cache : Path
        Folders of the sets and of the cache.
    export_python : Path
        A Python that has TensorFlow.
    pip_python : Path
        A Python that has pip.
    """

    weights: str = "imagenet"
    arch: str = field(default_factory=lambda: {"arm64": "aarch64"}.get(platform.machine(), platform.machine()))
    out: Path = STATE / "artifacts"
    cache: Path = STATE / "cache"
    export_python: Path = STATE / "venv/export/bin/python"
    pip_python: Path = STATE / "venv/uv/bin/python"

    @property
    def lock_file(self) -> Path:
        """The lock file of the packages of a node."""
        return ROOT / "requirements" / LOCK_FILES[self.arch]


def build(order: Build) -> Path:
    """Build the set, link `current` to it, and return its folder. The name of the folder is the SHA-256 of the set.

    Raises
    ------
    BuildError
        The model cannot be exported, or a source file is missing.
    DownloadError
        A wheel cannot be downloaded.
    """
    cache = Cache(order.cache)
    model = cached_model(cache, order)
    wheelhouse = cached_wheelhouse(cache, order.lock_file, order.arch, order.pip_python)
    order.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=order.out, prefix=".building-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary) / "set"
        (folder / "model").mkdir(parents=True)
        for name in MODEL_FILES:
            _link(model / name, folder / "model" / name)
        _link(wheelhouse, folder / wheelhouse.name)
        shutil.copyfile(ROOT / "bootstrap/bootstrap_emr.sh", folder / "bootstrap_emr.sh")
        for name in STEPS:
            _copy_step(name, folder)
        (folder / "verger_spark.zip").write_bytes(package_zip(*(ROOT / package for package in PACKAGES)))
        content = replace(
            manifest.of_folder(folder, order.weights, order.arch),
            preprocessing=_preprocessing_version(),
            libraries=library_versions(order.lock_file),
        )
        (folder / manifest.NAME).write_bytes(content.encode())
        final = order.out / content.sha256
        if final.exists() and not _is_intact(final):
            shutil.rmtree(final)
        install(folder, final)
    _point_current_to(final)
    return final


def fill_cache(order: Build) -> None:
    """Build model and wheelhouse unless the cache has them. Both take minutes.

    Raises
    ------
    BuildError, DownloadError
        As `build`.
    """
    cache = Cache(order.cache)
    cached_model(cache, order)
    cached_wheelhouse(cache, order.lock_file, order.arch, order.pip_python)


def cached_model(cache: Cache, order: Build) -> Path:
    """Return the folder with the exported model and its canary. The model is exported unless the cache has it.

    Raises
    ------
    BuildError
        The export failed. The message is that of the export.
    """
    digest = hashlib.sha256(order.weights.encode())
    for name in MODEL_INPUTS:
        digest.update(hashlib.sha256((ROOT / name).read_bytes()).digest())

    def export(folder: Path) -> None:
        if not order.export_python.exists():
            raise BuildError(f"{order.export_python}: no such Python; it exports the model; run `make artifacts`")
        command = [str(order.export_python), "-m", "bootstrap.export_model", str(folder)]
        command += ["--weights", order.weights, "--pip-python", str(order.pip_python)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BuildError(done.stderr.strip() or f"the export ended with code {done.returncode}")

    return cache.folder("model", digest.hexdigest(), export)


def library_versions(requirements: Path) -> dict[str, str]:
    """Return the exact versions of the packages that determine the features, by name, from a lock file.

    Raises
    ------
    BuildError
        The lock file has no exact version of a package.
    """
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)", requirements.read_text(), re.MULTILINE))
    for name in FEATURE_LIBRARIES:
        if name not in locked:
            raise BuildError(f"{requirements}: expected a line {name}==<version>, found none; run `make lock`")
    return {name: locked[name] for name in FEATURE_LIBRARIES}


def _preprocessing_version() -> int:
    # Not imported: this module runs without the folder `plugins` in the search path.
    return int(runpy.run_path(str(ROOT / "plugins/verger_contract/preprocessing.py"))["VERSION"])


def _copy_step(name: str, folder: Path) -> None:
    source = ROOT / "spark_jobs" / name
    if not source.exists():
        raise BuildError(f"{source}: no such file, expected the entry point of a step")
    shutil.copyfile(source, folder / name)


def _is_intact(folder: Path) -> bool:
    try:
        manifest.verify(folder)
    except ManifestError:
        return False
    return True


def _link(source: Path, target: Path) -> None:
    # A hard link saves a copy of 130 MB that rarely change.
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


def _point_current_to(folder: Path) -> None:
    link = folder.parent / "current"
    temporary = folder.parent / f".current-{os.getpid()}"
    temporary.symlink_to(folder.name)
    temporary.replace(link)


def main() -> int:
    """Run the command line and return the exit code. See the docstring of the module."""
    standard = Build()
    parser = argparse.ArgumentParser(prog="python -m bootstrap.build", description="Build the artifact set.")
    parser.add_argument(
        "--weights",
        choices=["imagenet", "random"],
        default=standard.weights,
        help="random: meaningless features, for trying the pipeline; every output names them",
    )
    parser.add_argument(
        "--arch", choices=ARCHITECTURES, default=standard.arch, help="architecture of the cluster's nodes"
    )
    parser.add_argument("--out", type=Path, default=standard.out)
    parser.add_argument("--cache-only", action="store_true", help="build only model and wheelhouse")
    parser.add_argument(
        "--export-python", type=Path, default=standard.export_python, help="a Python that has TensorFlow"
    )
    parser.add_argument("--pip-python", type=Path, default=standard.pip_python, help="a Python that has pip")
    given = parser.parse_args()
    started = time.monotonic()
    order = Build(given.weights, given.arch, given.out.resolve(), standard.cache, given.export_python, given.pip_python)
    try:
        if given.cache_only:
            fill_cache(order)
            return 0
        folder = build(order)
    except (BuildError, DownloadError) as error:
        print(f"build: error: {error}", file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in folder.rglob("*"))
    source = json.loads((folder / "model/model.json").read_text())["source"]
    print(
        f"artifact set {folder.name[:12]}: {given.arch}, {given.weights} weights ({source}), "
        f"{size / 1e6:.0f} MB, {time.monotonic() - started:.1f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
