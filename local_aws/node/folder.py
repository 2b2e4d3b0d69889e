"""The node of a cluster: a folder on this machine, and the environment of its processes."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from local_aws.credentials import Credentials, load_or_create
from local_aws.iam.account import ADMINISTRATOR, AIRFLOW_USER, Account
from local_aws.iam.sessions import CONTAINER, Keys
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

    def environment(self) -> dict[str, str]:
        """Return the complete environment of a process on the node. Only language and time zone are inherited."""
        inherited = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ") if name in os.environ}
        aws = instance_environment(self._settings) if self._settings.enforce else environment_of(self._settings)
        return {
            "LANG": "C.UTF-8",
            **inherited,
            "PATH": f"{self.bin}:{SYSTEM_PATH}",
            "HOME": str(self.home),
            "USER": "hadoop",
            "TMPDIR": str(self.scratch),
            MARKER: self._cluster_id,
            **aws,
            "AWS_ENDPOINT_URL_S3": self._settings.s3_endpoint_of_nodes,
        }


def environment_of(settings: Settings, principal: str = ADMINISTRATOR) -> dict[str, str]:
    """Return the environment variables for AWS clients of this stack, with the credentials of a principal.

    Raises
    ------
    ValueError
        No principal has this name.
    """
    environment = _endpoints(settings) | {"AWS_EC2_METADATA_DISABLED": "true"}
    keys = Keys(load_or_create(settings.state))
    if principal == ADMINISTRATOR:
        return environment | _variables(keys.own)
    account = Account.load(settings.state) if settings.enforce else None
    if account is None or principal not in account.principals:
        known = ", ".join(account.principals) if account else f"{ADMINISTRATOR} only: the stack enforces no policies"
        raise ValueError(f"{principal}: expected {known}")
    if account.principals[principal].trust is not None:
        made = keys.session(principal, "local", settings.session_s)
        return environment | _variables(made.credentials) | {"AWS_SESSION_TOKEN": made.token}
    environment |= _variables(keys.user(principal))
    return environment | ({"AIRFLOW_CONN_AWS_DEFAULT": account.connection} if principal == AIRFLOW_USER else {})


def instance_environment(settings: Settings) -> dict[str, str]:
    """Return the environment variables of a node of an enforced stack: it gets credentials from its metadata service.

    On EC2 the service has a fixed address, and none of these variables is set. AWS_METADATA_ENDPOINT is the one of
    obstore.
    """
    address = f"{settings.sts_endpoint}{Keys(load_or_create(settings.state)).metadata_path}"
    return _endpoints(settings) | {"AWS_EC2_METADATA_SERVICE_ENDPOINT": address, "AWS_METADATA_ENDPOINT": address}


def container_environment(settings: Settings) -> dict[str, str]:
    """Return the variable with which the AWS CLI of a bootstrap action gets the credentials of an enforced node.

    botocore, on which the CLI is built, uses credentials of the metadata service for at least 12 minutes, also after
    their end. On EC2 they are valid for hours; here they may be valid for seconds.
    """
    if not settings.enforce:
        return {}
    keys = Keys(load_or_create(settings.state))
    return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{settings.sts_endpoint}{keys.metadata_path}{CONTAINER}"}


def _endpoints(settings: Settings) -> dict[str, str]:
    sts = {"AWS_ENDPOINT_URL_STS": settings.sts_endpoint} if settings.enforce else {}
    return {
        "AWS_ENDPOINT_URL_S3": settings.s3_endpoint,
        "AWS_ENDPOINT_URL_EMR": settings.emr_endpoint,
        **sts,
        "AWS_REGION": settings.region,
        "AWS_DEFAULT_REGION": settings.region,
    }


def _variables(credentials: Credentials) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
    }


def interpreter() -> Path:
    """Return the base interpreter of the running environment: `python3.11` on the node."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()
