from __future__ import annotations

import io
import itertools
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

from bootstrap.build import Build
from bootstrap.cache import Cache
from bootstrap.pip_download import DownloadError
from bootstrap.wheelhouse import ARCHITECTURES, LOCK_FILES, cached_wheelhouse, pip_options
from dependencies import locks
from tests.places import ROOT, environment_python

NEWEST_ON_NODES = {"GLIBC": (2, 34), "GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 13), "GCC": (11, 0, 0)}
"""The newest symbol versions of the C and C++ libraries of Amazon Linux 2023: glibc 2.34, and libstdc++ and libgcc of
GCC 11. The table of GCC's manual, "ABI Policy and Guidelines", has the symbol versions of each libstdc++."""


def wheelhouse(arch: str) -> Path:
    """The tar for nodes of an architecture."""
    lock_file = Build(arch=arch).lock_file
    return cached_wheelhouse(Cache(Build().cache), lock_file, arch, environment_python("uv"))


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_architecture_has_all_wheels(arch: str) -> None:
    """The first run needs the package index, later runs only the cache."""
    with tarfile.open(wheelhouse(arch)) as opened:
        wheels = [name for name in opened.getnames() if name.endswith(".whl")]
    native = [name for name in wheels if not name.endswith("-any.whl")]
    assert {name.split("-")[0] for name in native} >= {"ai_edge_litert", "numpy", "obstore", "pillow", "pyarrow"}
    assert [name for name in native if not name.endswith(f"_{arch}.whl")] == []


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_no_wheel_needs_newer_libraries_of_c_and_cpp_than_the_nodes_have(arch: str) -> None:
    """The tag of a wheel names the C library only, and it may be wrong: so it is for LiteRT 2.3.0 and aarch64."""
    needed = {*symbol_versions(wheelhouse(arch))}
    assert {name for _, name, _ in needed} >= {"GLIBC", "GLIBCXX", "CXXABI"}
    assert [one for one in sorted(needed) if one[2] > NEWEST_ON_NODES[one[1]]] == []


def symbol_versions(tar: Path) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Yield the symbol versions that the libraries in a wheelhouse need of C, C++ and GCC: wheel, name, version."""
    with tarfile.open(tar) as opened:
        for entry in opened:
            content = opened.extractfile(entry)
            if content is None or not entry.name.endswith(".whl"):
                continue
            with zipfile.ZipFile(io.BytesIO(content.read())) as wheel:
                for name in wheel.namelist():
                    if ".so" in name and (library := wheel.read(name)).startswith(b"\x7fELF"):
                        for symbol, version in needed_symbols(library):
                            yield entry.name, symbol, version


def needed_symbols(library: bytes) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the symbol versions of NEWEST_ON_NODES that a library needs."""
    section = ELFFile(io.BytesIO(library)).get_section_by_name(".gnu.version_r")
    if not isinstance(section, GNUVerNeedSection):
        return
    for _, versions in section.iter_versions():
        for one in versions:
            name, _, version = one.name.partition("_")
            if name in NEWEST_ON_NODES:
                yield name, tuple(int(number) for number in version.split("."))


def test_the_lock_files_of_the_architectures_differ_in_litert_only() -> None:
    """The features of a photo depend on Pillow and LiteRT, so another version must have a reason."""
    one, other = ({pin.name: pin.version for pin in locks.read(ROOT / "requirements" / n)} for n in LOCK_FILES.values())
    assert {name for name in one.keys() & other.keys() if one[name] != other[name]} == {"ai-edge-litert"}
    assert one.keys() ^ other.keys() == {"ml-dtypes"}, "LiteRT 2.1.0 does not require it"


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
