"""The node of a cluster: a folder of its own on this machine, and the environment that its processes see."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from local_aws.credentials import Credentials
from local_aws.processes.cluster import MARKER
from local_aws.settings import Settings

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Node:
    """Folders of one cluster: `home` (HOME of its processes), `bin` (first on PATH), `scratch`, `logs`.

    All but the logs go when the cluster ends.
    """

    def __init__(self, settings: Settings, cluster_id: str) -> None:
        self.folder = settings.state / "nodes" / cluster_id
        self.home = self.folder / "home"
        self.bin = self.folder / "bin"
        self.scratch = self.folder / "scratch"
        self.logs = self.folder / "logs"
        self._cluster_id = cluster_id
        self._settings = settings

    def prepare(self) -> None:
        """Make the folders, and put what a node has on PATH: `aws`, `python3.11`."""
        for folder in (self.home, self.bin, self.scratch, self.logs):
            folder.mkdir(parents=True, exist_ok=True)
        commands = {"aws": Path(sys.executable).parent / "aws", "python3.11": interpreter()}
        for name, target in commands.items():
            # A wrapper, not a link: what is installed with it must not depend on a folder that goes with the cluster.
            script = self.bin / name
            script.write_text(f'#!/bin/sh\nexec "{target}" "$@"\n')
            script.chmod(0o755)

    def discard(self) -> None:
        """Remove everything but the logs."""
        for folder in (self.home, self.bin, self.scratch):
            shutil.rmtree(folder, ignore_errors=True)

    def environment(self, credentials: Credentials) -> dict[str, str]:
        """The whole environment of a process on the node; nothing is inherited but the language and the time zone."""
        inherited = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ") if name in os.environ}
        return {
            "LANG": "C.UTF-8",
            **inherited,
            "PATH": f"{self.bin}:{SYSTEM_PATH}",
            "HOME": str(self.home),
            "USER": "hadoop",
            "TMPDIR": str(self.scratch),
            MARKER: self._cluster_id,
            **aws_environment(self._settings, credentials),
        }


def aws_environment(settings: Settings, credentials: Credentials) -> dict[str, str]:
    """The variables by which any AWS client finds this stack and no other."""
    return {
        "AWS_ENDPOINT_URL_S3": settings.s3_endpoint,
        "AWS_ENDPOINT_URL_EMR": settings.emr_endpoint,
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_REGION": settings.region,
        "AWS_DEFAULT_REGION": settings.region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def interpreter() -> Path:
    """The Python that the running environment was made from: what a node calls `python3.11`."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()
