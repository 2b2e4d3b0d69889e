"""Copies of a node's log files, gzipped, where EMR puts them on S3."""

from __future__ import annotations

import contextlib
import gzip
import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.emr.model import Cluster
from local_aws.node.folder import Node

log = logging.getLogger(__name__)

#: Lines that are not why a Spark program ended: what the JVM logs at its start and its end, and stack frames.
IN_PASSING = re.compile(
    r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d (INFO|WARN|DEBUG) |at \S+\(|\.\.\. \d+ more|WARNING: Using incubator modules"
    r"|Using Spark's default log4j profile|Setting default log level|To adjust logging level"
)
#: EMR copies every few minutes; who watches a laptop need not wait that long.
UPLOAD_INTERVAL_S = 10.0
#: The files of a step or bootstrap action, as EMR names them.
STREAMS = ("controller", "stderr", "stdout")


class LogFolder:
    """One folder of log files, and the S3 prefix that it is copied to (None: nowhere, as EMR without a LogUri)."""

    def __init__(self, folder: Path, uri: str | None, s3: Any) -> None:
        self.folder = folder
        self.uri = uri
        self._s3 = s3
        self._copied: dict[str, int] = {}
        folder.mkdir(parents=True, exist_ok=True)

    @classmethod
    def of_cluster(cls, cluster: Cluster, node: Node, where: str, s3: Any) -> LogFolder:
        """The folder `where` among the logs of a cluster."""
        uri = f"{cluster.log_uri}/{cluster.id}/{where}" if cluster.log_uri else None
        return cls(node.logs / where, uri, s3)

    def uri_of(self, stream: str) -> str | None:
        """Where the copy of one stream lies, None when there is none."""
        return f"{self.uri}/{stream}.gz" if self.uri else None

    def note(self, line: str) -> None:
        """Add a line to the controller's log."""
        with (self.folder / "controller").open("a") as file:
            file.write(line + "\n")

    def last_words(self, stream: str, within_bytes: int = 65_536) -> str | None:
        """The last line of a stream that says something, None when there is none.

        Blank lines, stack frames and what Spark logs in passing say nothing.
        """
        path = self.folder / stream
        if not path.exists():
            return None
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - within_bytes))
            lines = file.read().decode(errors="replace").splitlines()
        spoken = (line.strip() for line in reversed(lines))
        return next((line for line in spoken if line and not IN_PASSING.match(line)), None)

    @contextlib.contextmanager
    def uploading(self) -> Iterator[None]:
        """Copy what grew every UPLOAD_INTERVAL_S seconds for as long as the block lasts, and once more at its end."""
        ended = threading.Event()

        def copy() -> None:
            while not ended.wait(UPLOAD_INTERVAL_S):
                self.upload()

        thread = threading.Thread(target=copy, name=f"logs of {self.folder.name}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self.upload()

    def upload(self) -> None:
        """Copy the streams that grew since the last call.

        A copy that fails is logged and not raised: as on EMR, a log that cannot be kept does not fail the step.
        """
        if self.uri is None:
            return
        target = urlsplit(self.uri)
        for stream in STREAMS:
            path = self.folder / stream
            if not path.exists() or path.stat().st_size == self._copied.get(stream):
                continue
            content = path.read_bytes()
            key = f"{target.path.lstrip('/')}/{stream}.gz"
            try:
                self._s3.put_object(
                    Bucket=target.netloc,
                    Key=key,
                    Body=gzip.compress(content, mtime=0),
                    ContentType="application/gzip",
                )
                self._copied[stream] = len(content)
            except (ClientError, BotoCoreError) as error:
                log.error("s3://%s/%s: cannot copy the log there: %s", target.netloc, key, error)
