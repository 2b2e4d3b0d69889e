"""Upload the logs of containers to `<log uri>/<cluster>/containers/<application>/<container>/`, as EMR does."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from local_aws.node.log_upload import put

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class ContainerLogs:
    """A thread that uploads the files of containers which grew since its last round.

    Parameters
    ----------
    folders : iterable of Path
        Folder of the logs of containers, one for each NodeManager.
    uri : str, optional
        `<log uri>/<cluster>/containers`; None for a cluster without logs on S3.
    interval_s : float
        Seconds between two rounds.
    """

    def __init__(self, folders: Iterable[Path], uri: str | None, s3: S3Client, interval_s: float) -> None:
        self._folders = list(folders)
        self._uri = uri
        self._s3 = s3
        self._interval_s = interval_s
        self._copied: dict[Path, int] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="container logs", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        if self._uri is not None:
            self._thread.start()

    def end(self) -> None:
        """Do a last round, and end the thread."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._interval_s):
            self._upload()
        self._upload()

    def _upload(self) -> None:
        for folder in self._folders:
            for path in sorted(folder.glob("application_*/container_*/*")):
                try:
                    content = path.read_bytes() if path.is_file() else b""
                except OSError:  # the node was lost during this round
                    continue
                if content and len(content) != self._copied.get(path):
                    name = "/".join(path.relative_to(folder).parts)
                    if put(content, f"{self._uri}/{name}.gz", self._s3):
                        self._copied[path] = len(content)
