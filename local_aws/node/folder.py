"""The node of a cluster: a folder on this machine, and the environment of its processes."""

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
    """The folders of one node: `home` (HOME of its processes), `bin` (first on PATH), `scratch`, `logs`.

    They are removed when the cluster ends, except the logs.

    Parameters
    ----------
    settings : Settings
    cluster_id : str
        The cluster.
    worker : str, optional
        Id of the EC2 instance of a worker; the primary node has none. All nodes of a cluster have one folder of logs.
    """

    def __init__(self, settings: Settings, cluster_id: str, worker: str | None = None) -> None:
        cluster = settings.state / "nodes" / cluster_id
        self.folder = cluster / "workers" / worker if worker else cluster
        self.home = self.folder / "home"
        self.bin = self.folder / "bin"
        self.scratch = self.folder / "scratch"
        self.logs = cluster / "logs"
        #: Configuration of Hadoop for spark-submit, in a cluster with YARN.
        self.hadoop_configuration = self.scratch / "hadoop-conf"
        #: Identity of the process of the daemon of YARN.
        self.daemon = self.folder / "daemon.json"
        self._cluster_id = cluster_id
        self._settings = settings

    def worker(self, ec2_id: str) -> Node:
        """Return the node of a worker of the same cluster."""
        return Node(self._settings, self._cluster_id, ec2_id)

    def prepare(self) -> None:
        """Create the folders, and the programs that a node has on PATH: `aws`, `python3.11`."""
        for folder in (self.home, self.bin, self.scratch, self.logs):
            folder.mkdir(parents=True, exist_ok=True)
        commands = {"aws": Path(sys.executable).parent / "aws", "python3.11": interpreter()}
        for name, target in commands.items():
            # A script, not a link: a virtual environment that python3.11 creates must not refer to this folder.
            script = self.bin / name
            script.write_text(f'#!/bin/sh\nexec "{target}" "$@"\n')
            script.chmod(0o755)

    def discard(self) -> None:
        """Remove all folders except the logs, for the primary node those of the workers too."""
        for folder in (self.home, self.bin, self.scratch, self.folder / "workers"):
            shutil.rmtree(folder, ignore_errors=True)

    def environment(self, credentials: Credentials) -> dict[str, str]:
        """Return the complete environment of a process on the node. Only language and time zone are inherited."""
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
            "AWS_ENDPOINT_URL_S3": self._settings.s3_endpoint_of_nodes,
        }


def aws_environment(settings: Settings, credentials: Credentials) -> dict[str, str]:
    """Return the environment variables for AWS clients of this stack."""
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
    """Return the base interpreter of the running environment: `python3.11` on the node."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()
