"""Runs the bootstrap actions of a cluster, one after another, before its first step."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.log_upload import LogFolder
from local_aws.model import Cluster
from local_aws.node import Node


class BootstrapError(Exception):
    """A bootstrap action that failed; the message is EMR's."""


def prepare(cluster: Cluster, number: int, action: dict[str, Any], node: Node, s3: Any) -> tuple[list[str], LogFolder]:
    """Fetch the script of action `number` (from 1); returns its command line and the folder of its logs.

    Raises BootstrapError when the script cannot be fetched.
    """
    instance = cluster.primary_instance.ec2_id
    where = f"node/{instance}/bootstrap-actions/{number}"
    logs = LogFolder(node.logs / where, f"{cluster.log_uri}/{cluster.id}/{where}" if cluster.log_uri else None, s3)
    script = action["ScriptBootstrapAction"]
    path = node.scratch / f"bootstrap-action-{number}"
    logs.note(f"fetching {script['Path']}")
    try:
        path.write_bytes(_read(script["Path"], s3))
    except (ClientError, BotoCoreError, OSError, ValueError) as error:
        logs.note(f"cannot fetch {script['Path']}: {error}")
        logs.upload()
        raise BootstrapError(
            f"On the master instance ({instance}), bootstrap action {number} failed to download:"
            f" {script['Path']}: {error}"
        ) from error
    path.chmod(0o755)
    # A script without `#!` is the shell's, as on a node.
    command = [str(path)] if path.read_bytes().startswith(b"#!") else ["/bin/sh", str(path)]
    command += [str(argument) for argument in script.get("Args") or []]
    logs.note(f"running {script['Path']} {' '.join(command[1:])}")
    return command, logs


def failure(cluster: Cluster, number: int, code: int) -> str:
    """EMR's words for a bootstrap action that returned `code`."""
    instance = cluster.primary_instance.ec2_id
    return f"On the master instance ({instance}), bootstrap action {number} returned a non-zero return code ({code})"


def _read(uri: str, s3: Any) -> bytes:
    parts = urlsplit(uri)
    if parts.scheme in ("s3", "s3n", "s3a"):
        body: bytes = s3.get_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))["Body"].read()
        return body
    path = parts.path if parts.scheme == "file" else uri
    if not path.startswith("/"):
        raise ValueError("expected s3://bucket/key, file:///path or an absolute path")
    return Path(path).read_bytes()
