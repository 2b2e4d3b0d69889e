"""Artifact sets with a wheelhouse that differs from that of the built set."""

from __future__ import annotations

import platform
import re
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from bootstrap import manifest
from bootstrap.wheelhouse import tar_bytes

TAR = f"node-{platform.machine()}.tar"


def small_set(folder: Path, artifact_set: Path, keep: str, arch: str = platform.machine()) -> Path:
    """An artifact set whose wheelhouse contains node.txt and only the wheels whose name starts with `keep`."""
    wheels = _unpacked(folder, artifact_set, lambda name: bool(keep) and name.startswith(keep))
    return _set_of(folder, wheels, arch)


def set_of_pip_alone(folder: Path, artifact_set: Path) -> Path:
    """An artifact set whose wheelhouse and node.txt have pip alone: the modules of the steps are missing."""
    wheels = _unpacked(folder, artifact_set, lambda name: name.startswith("pip-"))
    packages = re.split(r"^(?=\w)", (wheels / "node.txt").read_text(), flags=re.MULTILINE)
    (wheels / "node.txt").write_text("".join(one for one in packages if one.startswith("pip==")))
    return _set_of(folder, wheels, platform.machine())


def set_with_a_changed_wheel(folder: Path, artifact_set: Path) -> Path:
    """An artifact set whose manifest has the SHA-256 of a wheelhouse with a changed wheel of tqdm."""
    wheels = _unpacked(folder, artifact_set, lambda _: True)
    (wheel,) = wheels.glob("tqdm-*.whl")
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("tqdm/added.py", "raise SystemExit('added')\n")
    return _set_of(folder, wheels, platform.machine())


def _unpacked(folder: Path, artifact_set: Path, keep: Callable[[str], bool]) -> Path:
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    with tarfile.open(artifact_set / TAR) as tar:
        members = [entry for entry in tar if entry.name == "node.txt" or keep(entry.name)]
        tar.extractall(wheels, members=members, filter="data")
    return wheels


def _set_of(folder: Path, wheels: Path, arch: str) -> Path:
    made = folder / "set"
    made.mkdir()
    (made / f"node-{arch}.tar").write_bytes(tar_bytes({path.name: path for path in wheels.iterdir()}))
    content = manifest.of_folder(made, "imagenet", arch)
    (made / manifest.NAME).write_bytes(content.encode())
    return made.rename(folder / content.sha256)
