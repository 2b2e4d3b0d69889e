"""The bootstrap action runs as on a node: with the `aws` command from S3, or from a folder."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootstrap import manifest
from tests.bootstrap.artifact_sets import TAR, set_of_pip_alone, small_set
from tests.bootstrap.conftest import BUCKET, s3_client
from tests.places import ROOT

SCRIPT = ROOT / "bootstrap" / "bootstrap_emr.sh"
MODULES = ("ai_edge_litert.interpreter", "PIL", "numpy", "pyarrow", "pandas", "obstore")
AWS = Path(sys.executable).parent / "aws"


@dataclass(frozen=True)
class Node:
    """Two environments in one folder, installed by two bootstrap actions that started at the same time."""

    uri: str
    environment: dict[str, str]
    folder: Path
    outputs: list[str]


def bootstrap(uri: str, env_dir: Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = ["bash", str(SCRIPT), uri, str(env_dir)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def node(artifact_set: Path, s3_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Node:
    s3, prefix = s3_client(s3_environment), f"artifacts/{artifact_set.name}"
    for name in (manifest.NAME, TAR):
        s3.upload_file(str(artifact_set / name), BUCKET, f"{prefix}/{name}")
    folder = tmp_path_factory.mktemp("node")
    # Variables that a node may have. They must not affect the installation.
    hostile = folder / "hostile"
    hostile.mkdir()
    (hostile / "numpy.py").write_text("raise ImportError('numpy from PYTHONPATH')\n")
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    (bin_folder / "aws").write_text(f'#!/bin/sh\nexec "{AWS}" "$@"\n')
    (bin_folder / "aws").chmod(0o755)
    environment = {
        **s3_environment,
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "HOME": str(folder),
        "PYTHONPATH": str(hostile),
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_TARGET": str(hostile),
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
    }
    uri = f"s3://{BUCKET}/{prefix}"
    command = ["bash", str(SCRIPT), uri]
    running = [
        subprocess.Popen([*command, str(folder / "envs" / name)], env=environment, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True)
        for name in ("one", "two")
    ]  # fmt: skip
    outputs = [process.communicate(timeout=240)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], "\n".join(outputs)
    return Node(uri, environment, folder, outputs)


def test_two_concurrent_actions_install_once(node: Node) -> None:
    assert sum("installing" in output for output in node.outputs) == 1
    assert sum("already contains this wheelhouse" in output for output in node.outputs) == 1
    assert all("is ready" in output.splitlines()[-1] for output in node.outputs)


@pytest.mark.parametrize("name", ["one", "two"])
def test_the_environment_contains_the_modules_of_the_steps_and_nothing_of_the_machine(node: Node, name: str) -> None:
    home = node.folder / "envs" / name
    code = f"import sys, {', '.join(MODULES)}; print(*[sys.modules[name].__file__ for name in {MODULES!r}])"
    done = subprocess.run([home / "bin" / "python", "-I", "-c", code], capture_output=True, text=True, check=True)
    files = done.stdout.split()
    assert len(files) == len(MODULES)
    assert [file for file in files if not Path(file).resolve().is_relative_to(home.resolve())] == []
    assert "include-system-site-packages = false" in (home / "pyvenv.cfg").read_text()


def test_other_users_can_read_the_environment(node: Node) -> None:
    home = (node.folder / "envs" / "one").resolve()
    private = [path for path in home.rglob("*") if not path.is_symlink() and not path.stat().st_mode & 0o004]
    assert private == []


def test_modules_are_compiled(node: Node) -> None:
    package = next((node.folder / "envs" / "one").resolve().glob("lib/python3.11/site-packages/pyarrow"))
    assert (package / "__pycache__" / "parquet.cpython-311.pyc").exists() or list(
        (package / "parquet" / "__pycache__").glob("core.*.pyc")
    )


def test_a_second_run_installs_nothing(node: Node) -> None:
    environment = node.folder / "envs" / "one"
    python = environment / "bin" / "python"
    before = (python.lstat().st_ino, python.lstat().st_mtime_ns, environment.resolve())
    done = bootstrap(node.uri, environment, node.environment)
    assert done.returncode == 0, done.stderr
    assert "already contains this wheelhouse" in done.stdout
    assert (python.lstat().st_ino, python.lstat().st_mtime_ns, environment.resolve()) == before


def test_the_error_names_an_artifact_that_is_not_in_the_bucket(node: Node) -> None:
    uri = f"s3://{BUCKET}/artifacts/{'0' * 64}"
    done = bootstrap(uri, node.folder / "envs" / "none", node.environment)
    assert done.returncode == 1
    assert f"error: {uri}/manifest.json: cannot be fetched" in done.stderr
    assert "404" in done.stderr
    assert not (node.folder / "envs" / "none").exists()


def test_a_changed_wheelhouse_is_an_error(artifact_set: Path, tmp_path: Path) -> None:
    folder = small_set(tmp_path, artifact_set, keep="pip-")
    with (folder / TAR).open("ab") as tar:
        tar.write(b"\0")
    done = bootstrap(folder.as_uri(), tmp_path / "envs" / "env")
    assert done.returncode == 1
    assert f"{TAR}: SHA-256 is " in done.stderr
    assert not (tmp_path / "envs" / "env").exists()


def test_a_changed_manifest_is_an_error(artifact_set: Path, tmp_path: Path) -> None:
    folder = small_set(tmp_path, artifact_set, keep="pip-")
    with (folder / manifest.NAME).open("a") as file:
        file.write("\n")
    done = bootstrap(folder.as_uri(), tmp_path / "envs" / "env")
    assert done.returncode == 1
    assert (
        f"manifest.json: SHA-256 is {manifest.file_sha256(folder / manifest.NAME)}, expected {folder.name}"
        in done.stderr
    )


def test_the_error_names_a_missing_wheel_and_the_incomplete_environment_is_not_used(
    artifact_set: Path, tmp_path: Path
) -> None:
    folder = small_set(tmp_path, artifact_set, keep="pip-")
    for _ in range(2):
        done = bootstrap(folder.as_uri(), tmp_path / "envs" / "env")
        assert done.returncode == 1
        assert "No matching distribution found for ai-edge-litert" in done.stderr
        assert f"error: {TAR}: pip could not install the wheels" in done.stderr
        assert "already contains" not in done.stdout
        assert not (tmp_path / "envs" / "env").exists()


def test_a_wheelhouse_without_pip_is_an_error(artifact_set: Path, tmp_path: Path) -> None:
    done = bootstrap(small_set(tmp_path, artifact_set, keep="").as_uri(), tmp_path / "envs" / "env")
    assert done.returncode == 1
    assert f"error: {TAR}: the wheel of pip is missing" in done.stderr


def test_a_module_that_cannot_be_imported_is_an_error_that_a_second_run_does_not_mend(
    artifact_set: Path, tmp_path: Path
) -> None:
    folder = set_of_pip_alone(tmp_path, artifact_set)
    done = bootstrap(folder.as_uri(), tmp_path / "envs" / "env")
    assert done.returncode == 1
    assert "No module named 'ai_edge_litert'" in done.stderr
    assert "a module cannot be imported on this node (see above); the wheels are made for Amazon Linux" in done.stderr
    assert "a second run on the same system fails in the same way" in done.stderr
    assert [path.name for path in (tmp_path / "envs").iterdir() if path.is_dir()] == []


def test_a_set_for_another_architecture_is_an_error(artifact_set: Path, tmp_path: Path) -> None:
    folder = small_set(tmp_path, artifact_set, keep="pip-", arch="riscv64")
    done = bootstrap(folder.as_uri(), tmp_path / "envs" / "env")
    assert done.returncode == 1
    assert f"expected a set for {platform.machine()}, found one for riscv64" in done.stderr


def test_a_folder_in_the_place_of_the_link_is_not_changed(node: Node) -> None:
    folder_of_the_user = node.folder / "envs" / "folder_of_the_user"
    folder_of_the_user.mkdir()
    (folder_of_the_user / "file").touch()
    done = bootstrap(node.uri, folder_of_the_user, node.environment)
    assert done.returncode == 1
    assert f"error: {folder_of_the_user}: expected a symbolic link or nothing, found a folder" in done.stderr
    assert (folder_of_the_user / "file").exists()


def test_another_python_than_3_11_is_an_error(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHON": "/bin/false"}
    done = bootstrap(f"file:///{'0' * 64}", tmp_path / "env", environment)
    assert done.returncode == 1
    assert "error: PYTHON=/bin/false: expected a Python 3.11" in done.stderr


def tools_without_python(folder: Path, dnf: str | None) -> dict[str, str]:
    """The environment of a node without Python 3.11. `dnf` is the text of its script dnf."""
    tools = folder / "bin"
    tools.mkdir()
    for name in ("bash", "date", "dirname", "mkdir", "timeout", "ln", "mktemp", "rm", "tail", "cp"):
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    # A user who is not root needs sudo for dnf.
    for name, text in {"dnf": dnf, "sudo": '#!/bin/bash\nshift\nexec "$@"\n'}.items():
        if text is not None:
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)
    return {"PATH": str(tools)}


def test_a_node_without_python_3_11_and_dnf_is_an_error(tmp_path: Path) -> None:
    done = bootstrap(f"file:///{'0' * 64}", tmp_path / "env", tools_without_python(tmp_path, None))
    assert done.returncode == 1
    assert "error: no Python 3.11 on this node" in done.stderr
    assert "no dnf to install it; use a release that has Python 3.11" in done.stderr


def test_a_node_without_python_3_11_installs_the_package_of_the_distribution(tmp_path: Path) -> None:
    dnf = f'#!/bin/bash\necho "dnf $*"\nln -s {sys.executable} {tmp_path}/bin/python3.11\n'
    done = bootstrap(f"file:///{'0' * 64}", tmp_path / "env", tools_without_python(tmp_path, dnf))
    assert "installing the package python3.11 with dnf" in done.stderr
    assert "dnf install -y -q python3.11" in done.stderr
    # The script continues with the next step: it fetches the manifest, and this set does not exist.
    assert f"error: file:///{'0' * 64}/manifest.json: cannot be fetched" in done.stderr


def test_the_error_says_what_the_network_needs_when_no_repository_is_reached(tmp_path: Path) -> None:
    dnf = '#!/bin/bash\necho "Error: Failed to download metadata for repo amazonlinux" >&2\nexit 1\n'
    done = bootstrap(f"file:///{'0' * 64}", tmp_path / "env", tools_without_python(tmp_path, dnf))
    assert done.returncode == 1
    assert "Error: Failed to download metadata" in done.stderr
    assert "gateway endpoint whose policy lets the repositories of Amazon Linux through" in done.stderr


def test_a_package_without_python_3_11_is_an_error(tmp_path: Path) -> None:
    done = bootstrap(f"file:///{'0' * 64}", tmp_path / "env", tools_without_python(tmp_path, "#!/bin/bash\nexit 0\n"))
    assert done.returncode == 1
    assert "error: dnf installed the package python3.11, but python3.11 on PATH is no Python 3.11" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "usage: bootstrap_emr.sh"),
        (["s3://bucket/artifacts/current"], "expected s3://<bucket>/artifacts/<sha256 of manifest.json>"),
        ([f"s3://bucket/artifacts/{'0' * 64}", "env"], "env: expected an absolute path"),
    ],
)
def test_wrong_arguments_are_an_error(arguments: list[str], message: str) -> None:
    done = subprocess.run(["bash", SCRIPT, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert message in done.stderr
