"""Upload the log files of a node, as gzip files, to the keys that EMR uses."""

from __future__ import annotations

import contextlib
import gzip
import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.cluster.model import Cluster
from local_aws.node.folder import Node

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)

#: Lines that do not explain the end of a Spark program: log lines of the JVM, and stack frames.
NO_REASON = re.compile(
    r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d (INFO|WARN|DEBUG) |at \S+\(|\.\.\. \d+ more|WARNING: Using incubator modules"
    r"|Using Spark's default log4j profile|Setting default log level|To adjust logging level"
)
#: EMR uploads every few minutes. A shorter interval suits a local run.
UPLOAD_INTERVAL_S = 10.0
#: The files of a step or bootstrap action, as EMR names them.
STREAMS = ("controller", "stderr", "stdout")


class LogFolder:
    """One folder of log files, and the S3 prefix for its copies. None, as on EMR without a LogUri, means no copies."""

    def __init__(self, folder: Path, uri: str | None, s3: S3Client) -> None:
        self.folder = folder
        self.uri = uri
        self._s3 = s3
        self._copied: dict[str, int] = {}
        folder.mkdir(parents=True, exist_ok=True)

    @classmethod
    def of_cluster(cls, cluster: Cluster, node: Node, path: str, s3: S3Client) -> LogFolder:
        """Return the folder `path` in the logs of a cluster."""
        uri = f"{cluster.log_uri}/{cluster.id}/{path}" if cluster.log_uri else None
        return cls(node.logs / path, uri, s3)

    def uri_of(self, stream: str) -> str | None:
        """Return the URI of the copy of one stream, None without copies."""
        return f"{self.uri}/{stream}.gz" if self.uri else None

    def note(self, line: str) -> None:
        """Add a line to the log of the controller."""
        with (self.folder / "controller").open("a") as file:
            file.write(line + "\n")

    def last_line(self, stream: str, within_bytes: int = 65_536) -> str | None:
        """Return the last line of a stream that may explain a failure, None when the stream has no such line.

        Blank lines, stack frames and the log lines of Spark do not count.
        """
        path = self.folder / stream
        if not path.exists():
            return None
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - within_bytes))
            lines = file.read().decode(errors="replace").splitlines()
        stripped = (line.strip() for line in reversed(lines))
        return next((line for line in stripped if line and not NO_REASON.match(line)), None)

    @contextlib.contextmanager
    def uploading(self) -> Iterator[None]:
        """Upload the streams every UPLOAD_INTERVAL_S seconds during the body, and once more at its end."""
        ended = threading.Event()

        def upload() -> None:
            while not ended.wait(UPLOAD_INTERVAL_S):
                self.upload()

        thread = threading.Thread(target=upload, name=f"logs of {self.folder.name}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self.upload()

    def upload(self) -> None:
        """Upload the streams that grew since the last call.

        An error is logged and not raised: as on EMR, it does not fail the step.
        """
        if self.uri is None:
            return
        for stream in STREAMS:
            path = self.folder / stream
            if path.exists() and path.stat().st_size != self._copied.get(stream):
                content = path.read_bytes()
                if put(content, f"{self.uri}/{stream}.gz", self._s3):
                    self._copied[stream] = len(content)


def put(content: bytes, uri: str, s3: S3Client) -> bool:
    """Write a gzip file to S3. Return False after an error, which is logged and not raised."""
    target = urlsplit(uri)
    body = gzip.compress(content, mtime=0)
    try:
        s3.put_object(Bucket=target.netloc, Key=target.path.lstrip("/"), Body=body, ContentType="application/gzip")
    except (ClientError, BotoCoreError) as error:
        log.error("%s: cannot upload the log: %s", uri, error)
        return False
    return True
