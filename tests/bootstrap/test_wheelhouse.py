from __future__ import annotations

import itertools
import tarfile
from pathlib import Path

import pytest

from bootstrap.build import Build
from bootstrap.cache import Cache
from bootstrap.pip_download import DownloadError
from bootstrap.wheelhouse import ARCHITECTURES, cached_wheelhouse, pip_options
from tests.places import ROOT, environment_python


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_architecture_has_all_wheels(arch: str) -> None:
    """The first run needs the package index, later runs only the cache."""
    pip_python = environment_python("uv")
    tar = cached_wheelhouse(Cache(Build().cache), ROOT / "requirements" / "node.txt", arch, pip_python)
    with tarfile.open(tar) as opened:
        wheels = [name for name in opened.getnames() if name.endswith(".whl")]
    native = [name for name in wheels if not name.endswith("-any.whl")]
    assert {name.split("-")[0] for name in native} >= {"ai_edge_litert", "numpy", "obstore", "pillow", "pyarrow"}
    assert [name for name in native if not name.endswith(f"_{arch}.whl")] == []


def test_wheels_for_a_newer_c_library_than_that_of_the_nodes_are_excluded() -> None:
    options = pip_options("x86_64")
    platforms = {value for option, value in itertools.pairwise(options) if option == "--platform"}
    assert "manylinux_2_34_x86_64" in platforms
    assert "manylinux2014_x86_64" in platforms
    assert not [name for name in platforms if "2_35" in name or "musl" in name]


def test_a_wheel_with_another_hash_is_an_error(tmp_path: Path) -> None:
    """Needs the package index."""
    lock = tmp_path / "node.txt"
    lock.write_text(f"typing-extensions==4.16.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(DownloadError, match=r"(?s)node\.txt: pip download failed:.*HASHES"):
        cached_wheelhouse(Cache(tmp_path / "cache"), lock, "x86_64", environment_python("uv"))
    assert not list((tmp_path / "cache").rglob("*.tar"))


def test_the_error_names_a_missing_python(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"no-python: cannot run pip .*; name a Python that has pip"):
        cached_wheelhouse(Cache(tmp_path), ROOT / "requirements" / "node.txt", "x86_64", tmp_path / "no-python")
