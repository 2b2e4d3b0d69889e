"""The bootstrap action on the system of a node: the user hadoop, Python 3.9, dnf, sudo, and no network."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from development.node_system import NodeSystem
from tests.bootstrap.artifact_sets import TAR, set_with_a_changed_wheel, small_set

MODULES = "ai_edge_litert.interpreter, PIL.Image, numpy, pyarrow.parquet, pandas, obstore"
OF_PYTHON = (
    "/usr/bin/",
    "/usr/lib/python3.11/",
    "/usr/lib/x86_64-linux-gnu/",
    "/etc/python3.11/",
    "/usr/lib/binfmt.d/",
)
OF_DNF = ("/var/cache/dnf/", "/var/lib/dnf/", "/var/lib/rpm/", "/var/log/")


SHORT = {"PATH": "/usr/bin:/bin"}
"""The smallest environment: without HOME, and with a short PATH."""


def bootstrap(
    node: NodeSystem, artifact_set: str, env_dir: str = "/opt/verger/env", user: str = "hadoop"
) -> subprocess.CompletedProcess[str]:
    """Run the script of the built set, as a caller with a strict umask and few variables."""
    command = (
        f"umask 077; exec /bin/bash /mnt/artifacts/bootstrap_emr.sh file:///mnt/artifacts/{artifact_set} {env_dir}"
    )
    return node.run(["/bin/sh", "-c", command], user=user, environment=SHORT)


@pytest.fixture(scope="module")
def sets(artifact_set: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Names of the sets in the folder that the nodes see: the built one, one with a changed wheel, and others."""
    folder = tmp_path_factory.mktemp("artifacts")
    shutil.copy(artifact_set / "bootstrap_emr.sh", folder)
    shutil.copytree(artifact_set, folder / artifact_set.name, copy_function=_link)
    other = "riscv64"
    made = {
        "changed wheel": set_with_a_changed_wheel(folder / "changed", artifact_set),
        "other architecture": small_set(folder / "other", artifact_set, keep="pip-", arch=other),
        "changed tar": small_set(folder / "tar", artifact_set, keep="pip-"),
    }
    with (made["changed tar"] / TAR).open("ab") as tar:
        tar.write(b"\0")
    names = {name: str(path.relative_to(folder)) for name, path in made.items()}
    folder.chmod(0o755)
    return {"folder": str(folder), "built": artifact_set.name, **names}


def _link(source: str, target: str) -> None:
    try:
        Path(target).hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


@pytest.fixture(scope="module")
def node(sets: dict[str, str]) -> Iterator[NodeSystem]:
    with NodeSystem(Path(sets["folder"])) as system:
        yield system


@pytest.fixture(scope="module")
def first_run(node: NodeSystem, sets: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The first run of the script on the node."""
    assert node.run(["python3", "--version"]).stdout == "Python 3.9.2\n"
    assert node.run(["python3.11", "--version"]).returncode == 127
    done = bootstrap(node, sets["built"])
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_the_user_needs_sudo_and_python_3_11_comes_from_the_repository(
    first_run: subprocess.CompletedProcess[str], node: NodeSystem
) -> None:
    assert "/opt/verger: hadoop cannot write this folder: restarting with sudo" in first_run.stdout
    assert "installing the package python3.11 with dnf" in first_run.stderr
    assert "/opt/verger/env/bin/python is ready" in first_run.stdout.splitlines()[-1]
    assert node.run(["/opt/verger/env/bin/python", "--version"]).stdout.startswith("Python 3.11.")


@pytest.mark.usefixtures("first_run")
def test_the_users_of_yarn_can_import_all_modules(node: NodeSystem) -> None:
    done = node.run(["/opt/verger/env/bin/python", "-I", "-c", f"import {MODULES}"], user="yarn")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.usefixtures("first_run")
def test_the_run_changes_only_its_folder_and_what_dnf_installs(node: NodeSystem) -> None:
    others = [path for path in node.changes() if not path.startswith(("/opt/verger/", *OF_PYTHON, *OF_DNF))]
    assert others == []
    assert node.run(["ls", "-A", "/tmp"]).stdout == ""
    assert node.run(["python3", "--version"]).stdout == "Python 3.9.2\n"


@pytest.mark.usefixtures("first_run")
def test_a_second_run_changes_nothing(node: NodeSystem, sets: dict[str, str]) -> None:
    state = ["find", "/opt/verger", "/usr", "/home", "-printf", "%p %s %m %u %T@\n"]
    before = node.run(state, user="root").stdout
    assert len(before.splitlines()) > 1000
    done = bootstrap(node, sets["built"])
    assert done.returncode == 0, done.stderr
    assert "already contains this wheelhouse" in done.stdout
    assert node.run(state, user="root").stdout == before


@pytest.mark.usefixtures("first_run")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("changed wheel", "THESE PACKAGES DO NOT MATCH THE HASHES"),
        ("changed tar", f"{TAR}: SHA-256 is "),
        ("other architecture", f"expected a set for {platform.machine()}, found one for riscv64"),
    ],
)
def test_a_wrong_set_is_refused_and_leaves_the_environment(
    node: NodeSystem, sets: dict[str, str], name: str, message: str
) -> None:
    before = node.run(["ls", "-A", "/opt/verger"]).stdout.split()
    done = bootstrap(node, sets[name])
    assert done.returncode == 1
    assert message in done.stderr
    after = [entry for entry in node.run(["ls", "-A", "/opt/verger"]).stdout.split() if not entry.endswith(".lock")]
    assert after == [entry for entry in before if not entry.endswith(".lock")]
    assert node.run(["ls", "-A", "/tmp"]).stdout == ""


@pytest.mark.parametrize("parent", ["/opt/verger", "/mnt/tmp/verger"])
def test_without_python_3_11_in_the_repository_the_error_names_the_way_out(sets: dict[str, str], parent: str) -> None:
    """In /opt the script runs by sudo, in a folder that the user can write only dnf does."""
    with NodeSystem(Path(sets["folder"])) as system:
        system.run(["rm", "-r", "/var/lib/node-repository"], user="root")
        done = bootstrap(system, sets["built"], f"{parent}/env")
        assert done.returncode == 1
        assert ("restarting with sudo" in done.stdout) == parent.startswith("/opt")
        assert "dnf could not install the package python3.11" in done.stderr
        assert "gateway endpoint whose policy lets the repositories of Amazon Linux through" in done.stderr
        assert system.run(["ls", "-A", parent]).stdout == ""


def test_a_user_without_sudo_gets_an_error(node: NodeSystem, sets: dict[str, str]) -> None:
    done = bootstrap(node, sets["built"], "/opt/other/env", user="yarn")
    assert done.returncode == 1
    assert "error: /opt/other: yarn cannot write this folder, and cannot use sudo without a password" in done.stderr


@pytest.mark.parametrize(
    ("disk", "temporary", "message"),
    [
        ("2g", "60m", "cannot be fetched: cp: error writing"),
        ("2g", "150m", r"node-x86_64.tar: cannot be unpacked in /tmp/"),
        ("150m", "1g", "pip could not install the wheels (see above); the disk of /opt/verger is full"),
    ],
)
def test_a_full_disk_is_an_error_that_leaves_nothing(
    sets: dict[str, str], disk: str, temporary: str, message: str
) -> None:
    with NodeSystem(Path(sets["folder"]), disk=disk, temporary=temporary) as system:
        done = bootstrap(system, sets["built"])
        assert done.returncode == 1
        assert message in done.stderr
        assert "No space left on device" in done.stderr
        assert [name for name in system.run(["ls", "-A", "/opt/verger"]).stdout.split() if ".lock" not in name] == []
        assert system.run(["ls", "-A", "/tmp"]).stdout == ""
