"""Builds the wheelhouse of a node: a tar of a lock file and all its wheels."""

from __future__ import annotations

import hashlib
import io
import tarfile
import tempfile
from pathlib import Path

from bootstrap.cache import Cache
from bootstrap.pip_download import pip_download

PYTHON_VERSION = "3.11"
# Amazon Linux 2023, which every EMR 7 and 8 node runs, has glibc 2.34.
GLIBC_MINORS = range(34, 16, -1)
LOCK_FILES = {"x86_64": "node.txt", "aarch64": "node-aarch64.txt"}
"""The lock file in requirements/ by the architecture of the nodes. In the tar its name is always node.txt."""
ARCHITECTURES = tuple(LOCK_FILES)


def cached_wheelhouse(cache: Cache, requirements: Path, arch: str, pip_python: Path) -> Path:
    """Return the path of the tar for nodes of one architecture. The wheels are downloaded unless the cache has the tar.

    Raises
    ------
    DownloadError
        A wheel cannot be downloaded.
    """
    key = hashlib.sha256(repr((arch, pip_options(arch))).encode() + requirements.read_bytes()).hexdigest()

    def download(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as wheels:
            pip_download(pip_python, requirements, Path(wheels), *pip_options(arch))
            tar = tar_bytes({path.name: path for path in Path(wheels).glob("*.whl")} | {"node.txt": requirements})
        (folder / f"node-{arch}.tar").write_bytes(tar)

    return cache.folder("wheelhouse", key, download) / f"node-{arch}.tar"


def pip_options(arch: str) -> list[str]:
    """Return the options by which pip chooses wheels for a node's Python, C library and architecture."""
    tags = [f"manylinux_2_{minor}_{arch}" for minor in GLIBC_MINORS] + [f"manylinux2014_{arch}"]
    options = ["--python-version", PYTHON_VERSION, "--implementation", "cp"]
    for abi in ("cp311", "abi3", "none"):
        options += ["--abi", abi]
    for tag in tags:
        options += ["--platform", tag]
    # uv resolves the requirements and ignores upper limits on the version of Python.
    return [*options, "--ignore-requires-python"]


def tar_bytes(paths: dict[str, Path]) -> bytes:
    """Return a tar of files by their names in it. The same files give the same bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, path in sorted(paths.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = path.stat().st_size, 0o644
            with path.open("rb") as file:
                tar.addfile(entry, file)
    return buffer.getvalue()
