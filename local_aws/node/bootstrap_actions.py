"""Run the bootstrap actions of a cluster, one after another, before its first step."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.cluster.model import Cluster
from local_aws.node.command import Command, RunningCommands
from local_aws.node.folder import Node
from local_aws.node.log_upload import LogFolder

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class BootstrapError(Exception):
    """A bootstrap action failed. The message is that of EMR."""


@dataclass(frozen=True)
class Bootstrapper:
    """Run the bootstrap actions of one cluster. `environment` is the environment of every process of the node."""

    cluster: Cluster
    node: Node
    environment: dict[str, str]
    s3: S3Client

    def run(self, commands: RunningCommands) -> None:
        """Run all actions, each with its logs on S3.

        Raises
        ------
        BootstrapError
            When an action cannot be downloaded or does not return 0. Later actions do not run.
        """
        instance = self.cluster.primary_instance.ec2_id
        for number, action in enumerate(self.cluster.request.get("BootstrapActions") or [], start=1):
            prefix = f"node/{instance}/bootstrap-actions/{number}"
            logs = LogFolder.of_cluster(self.cluster, self.node, prefix, self.s3)
            failed = f"On the master instance ({instance}), bootstrap action {number}"
            try:
                argv = self._download(number, action["ScriptBootstrapAction"], logs)
            except (ClientError, BotoCoreError, OSError, ValueError) as error:
                logs.note(f"cannot be downloaded: {error}")
                logs.upload()
                path = action["ScriptBootstrapAction"]["Path"]
                raise BootstrapError(f"{failed} failed to download: {path}: {error}") from error
            code = commands.run(f"bootstrap-{number}", Command(argv, self.environment, logs))
            logs.note(f"exit code {code}")
            logs.upload()
            if code != 0:
                raise BootstrapError(f"{failed} returned a non-zero return code ({code})")

    def _download(self, number: int, script: dict[str, Any], logs: LogFolder) -> list[str]:
        """Write the script to the node; return its command line."""
        path = self.node.scratch / f"bootstrap-action-{number}"
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
