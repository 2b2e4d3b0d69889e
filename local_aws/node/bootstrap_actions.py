"""Run the bootstrap actions of a cluster on each of its nodes, one after another, before its first step."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.cluster.model import Cluster, Instance, Loss
from local_aws.node.command import Command, RunningCommands
from local_aws.node.folder import Node
from local_aws.node.log_upload import LogFolder

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class BootstrapError(Exception):
    """A bootstrap action failed. The message is that of EMR."""


@dataclass(frozen=True)
class Host:
    """An instance that runs bootstrap actions. `environment` is the environment of every process of the node."""

    instance: Instance
    node: Node
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Bootstrapper:
    """Run the bootstrap actions of one cluster on the primary instance and on its workers, on all at the same time."""

    cluster: Cluster
    primary: Host
    s3: S3Client
    workers: tuple[Host, ...] = ()

    def run(self, commands: RunningCommands) -> None:
        """Run all actions, each with its logs on S3. A few workers that fail are lost; the cluster continues.

        Raises
        ------
        BootstrapError
            When an action cannot be downloaded or does not return 0 on the primary instance, or on half of the workers.
            Later actions do not run on that instance.
        """
        hosts = (self.primary, *self.workers)
        with ThreadPoolExecutor(len(hosts), thread_name_prefix=f"{self.cluster.id}-bootstrap") as pool:
            results = list(pool.map(lambda host: self._run_on(host, commands), hosts))
        if results[0]:
            raise BootstrapError(f"On the master instance ({self.primary.instance.ec2_id}), {results[0]}")
        failed = [(host, error) for host, error in zip(self.workers, results[1:], strict=True) if error]
        for host, error in failed:
            host.instance.loss = Loss("BOOTSTRAP_FAILURE", f"{error[0].upper()}{error[1:]}")
        # EMR says "too many". The number is not documented.
        if failed and 2 * len(failed) >= len(self.workers):
            names = " and ".join(host.instance.ec2_id for host, _ in failed[:2])
            instances = "instance" if len(failed) == 1 else "instances"
            raise BootstrapError(f"On {len(failed)} slave {instances} (including {names}), {failed[0][1]}")

    def _run_on(self, host: Host, commands: RunningCommands) -> str | None:
        """Run all actions on one instance; return what failed."""
        instance = host.instance.ec2_id
        for number, action in enumerate(self.cluster.request.get("BootstrapActions") or [], start=1):
            logs = LogFolder.of_cluster(self.cluster, host.node, f"node/{instance}/bootstrap-actions/{number}", self.s3)
            script = action["ScriptBootstrapAction"]
            try:
                argv = self._download(host.node, number, script, logs)
            except (ClientError, BotoCoreError, OSError, ValueError) as error:
                logs.note(f"cannot be downloaded: {error}")
                logs.upload()
                return f"bootstrap action {number} failed to download: {script['Path']}: {error}"
            code = commands.run(f"bootstrap-{instance}-{number}", Command(argv, host.environment, logs))
            logs.note(f"exit code {code}")
            logs.upload()
            if code != 0:
                return f"bootstrap action {number} returned a non-zero return code ({code})"
        return None

    def _download(self, node: Node, number: int, script: dict[str, Any], logs: LogFolder) -> list[str]:
        """Write the script to the node; return its command line."""
        path = node.scratch / f"bootstrap-action-{number}"
        arguments = [str(argument) for argument in script.get("Args") or []]
        logs.note(f"downloading {script['Path']}")
        content = _read(script["Path"], self.s3)
        path.write_bytes(content)
        path.chmod(0o755)
        logs.note(f"running {shlex.join([script['Path'], *arguments])}")
        # A shell runs a script without `#!`, as on a node.
        return [*([] if content.startswith(b"#!") else ["/bin/sh"]), str(path), *arguments]


def _read(uri: str, s3: S3Client) -> bytes:
    parts = urlsplit(uri)
    if parts.scheme in ("s3", "s3n", "s3a"):
        body: bytes = s3.get_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))["Body"].read()
        return body
    path = parts.path if parts.scheme == "file" else uri
    if not path.startswith("/"):
        raise ValueError("expected s3://bucket/key, file:///path or an absolute path")
    return Path(path).read_bytes()
