"""The zip of the steps and the tar of the wheelhouse: their contents, and equal bytes for equal contents."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from bootstrap.jobs_zip import package_zip
from bootstrap.wheelhouse import tar_bytes


def _package(folder: Path, names: list[str], time: int) -> Path:
    package = folder / "orchard"
    (package / "tree").mkdir(parents=True)
    for name in names:
        (package / name).write_text(f"NAME = {name!r}\n")
        os.utime(package / name, (time, time))
    return package


NAMES = ["__init__.py", "tree/__init__.py", "tree/leaf.py"]


def test_the_zip_depends_only_on_the_contents(tmp_path: Path) -> None:
    one = _package(tmp_path / "one", NAMES, 1_000_000_000)
    other = _package(tmp_path / "other", NAMES[::-1], 1_700_000_000)
    (other / "tree" / "leaf.py").chmod(0o600)
    (other / "__pycache__").mkdir()
    (other / "__pycache__" / "leaf.cpython-311.pyc").write_bytes(b"byte code")
    assert package_zip(one) == package_zip(other)
    (other / "tree" / "leaf.py").write_text("NAME = 'bud'\n")
    assert package_zip(one) != package_zip(other)


def test_python_imports_from_the_zip(tmp_path: Path) -> None:
    archive = tmp_path / "orchard.zip"
    archive.write_bytes(package_zip(_package(tmp_path, NAMES, 1_000_000_000)))
    with zipfile.ZipFile(archive) as opened:
        assert opened.namelist() == ["orchard/__init__.py", "orchard/tree/__init__.py", "orchard/tree/leaf.py"]
    code = f"import sys; sys.path.insert(0, {str(archive)!r}); import orchard.tree.leaf as leaf; print(leaf.NAME)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "tree/leaf.py\n"


def test_the_tar_depends_only_on_names_and_contents(tmp_path: Path) -> None:
    made = []
    for number, order in enumerate((["b.whl", "a.whl"], ["a.whl", "b.whl"])):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name in order:
            (folder / name).write_text(name)
            (folder / name).chmod(0o600 + number)
            os.utime(folder / name, (number, number))
        made.append(tar_bytes({name: folder / name for name in order}))
    assert made[0] == made[1]
    with tarfile.open(fileobj=io.BytesIO(made[0])) as tar:
        assert [(entry.name, entry.mode, entry.size) for entry in tar] == [("a.whl", 0o644, 5), ("b.whl", 0o644, 5)]
