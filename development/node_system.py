"""A node's own root file system, network and host name, for trials of the bootstrap action.

The lower layer is the folder that development/node_root.sh makes. All changes go to a file system in memory, and are
lost at the end. The node has no network but loopback. Needs root: the system uses namespaces of Linux and an overlay.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

STATE = Path(__file__).resolve().parent.parent / ".verger"
ROOT = STATE / "node-root" / "root"
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/home/hadoop", "USER": "hadoop"}
"""The environment of a command without other variables."""

# The node's /tmp is a file system in memory, as in Amazon Linux 2023. As on a hardened image, no program runs from it.
MOUNT = """
set -eu
mount -t tmpfs -o size="$DISK" disk "$FOLDER"
mkdir "$FOLDER/changes" "$FOLDER/work" "$FOLDER/system"
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$FOLDER/changes,workdir=$FOLDER/work" "$FOLDER/system"
cd "$FOLDER/system"
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs -o size="$TEMPORARY",mode=1777,noexec,nosuid,nodev tmp tmp
mkdir -p mnt/artifacts
mount --bind "$ARTIFACTS" mnt/artifacts
hostname ip-10-0-0-1
echo ready
cat
"""


class NodeSystemError(RuntimeError):
    """The system cannot be started on this machine. The message has the reason."""


def reason_against(root: Path = ROOT) -> str | None:
    """Return why this machine cannot run the system of a node with this root file system, or None."""
    if os.geteuid() != 0:
        return "the root file system of a node needs root: unshare, mount and chroot"
    if missing := [tool for tool in ("unshare", "nsenter", "mount", "chroot") if shutil.which(tool) is None]:
        return f"{', '.join(missing)}: not on PATH (Debian's packages util-linux, mount, coreutils)"
    if not root.is_dir():
        return f"{root}: no root file system of a node; `make node-root` makes it"
    return None


class NodeSystem:
    """A running system. It ends with the context.

    Parameters
    ----------
    artifacts : Path
        A folder of artifact sets, which the node sees as /mnt/artifacts.
    disk, temporary : str
        Sizes of the root volume's free space and of /tmp, in the notation of tmpfs.
    root : Path
        The root file system.
    """

    def __init__(self, artifacts: Path, disk: str = "2g", temporary: str = "1g", root: Path = ROOT) -> None:
        self._variables = {"DISK": disk, "TEMPORARY": temporary, "LOWER": str(root), "ARTIFACTS": str(artifacts)}

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="node-"))
        self._process = subprocess.Popen(
            ["unshare", "--mount", "--net", "--uts", "--ipc", "sh", "-c", MOUNT],
            env={**os.environ, **self._variables, "FOLDER": str(self._folder)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        if self._process.stdout is None or self._process.stdout.readline().strip() != "ready":
            _, error = self._process.communicate()
            self._folder.rmdir()
            raise NodeSystemError(f"the system of a node cannot be started: {error.strip()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()  # closes its input: it ends, and its mounts with it
        self._folder.rmdir()

    def run(
        self, command: Sequence[str], user: str = "hadoop", environment: Mapping[str, str] = ENVIRONMENT
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the folder / of the node, as a user of the node, with only these variables."""
        variables = [f"{name}={value}" for name, value in environment.items()]
        return self.run_outside(
            ["chroot", f"--userspec={user}", str(self._folder / "system"), "env", "-i", *variables, *command]
        )

    def run_outside(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a command of this machine as root in the namespaces of the node."""
        return subprocess.run(self.inside(command), capture_output=True, text=True, timeout=900, check=False)

    def bind(self, source: Path, target: str) -> None:
        """Show a folder of this machine in the node, at an absolute path."""
        path = f"{self._folder / 'system'}{target}"
        for command in (["mkdir", "-p", path], ["mount", "--bind", str(source), path]):
            if (done := self.run_outside(command)).returncode != 0:
                raise NodeSystemError(f"{target}: {done.stderr.strip()}")

    def inside(self, command: Sequence[str]) -> list[str]:
        """Return the command line that runs a command of this machine as root in the namespaces of the node."""
        return ["nsenter", f"--target={self._process.pid}", "--mount", "--net", "--uts", "--ipc", *command]

    def changes(self) -> list[str]:
        """Return the paths of all files and links that differ from the root file system, without those in /tmp."""
        found = self.run_outside(["find", str(self._folder / "changes"), "!", "-type", "d", "-printf", "/%P\n"])
        return sorted(found.stdout.split("\n")[:-1])
