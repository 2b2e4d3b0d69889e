"""Finds the last error of a failed step in the logs that EMR uploads to S3, minutes late."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from verger.emr.log_tail import read_tail
from verger_contract.keys import uri

OUR_ERROR = "verger: error:"
ERROR = re.compile(r"\b\w*(Error|Exception)\b|\bFATAL\b|\bERROR\b")
CHATTER = re.compile(r" (INFO|WARN|DEBUG) ")
APPLICATION = re.compile(r"\bapplication_\d+_\d+\b")
STREAMS = ("stdout.gz", "stderr.gz")
MASTER = "_000001"
LINES_SHOWN = 20
LOOK_AGAIN_SECONDS = 5
MOST_CONTAINERS = 20


@dataclass(frozen=True)
class LastError:
    """The last error of one log.

    Attributes
    ----------
    uri : str
        Where the log is.
    lines : sequence of str
        The last lines of the log.
    summary : str
        The line that names the error; empty when no line does.
    complete : bool
        False when the file is missing or cut short.
    """

    uri: str
    lines: Sequence[str]
    summary: str
    complete: bool = True

    @property
    def is_ours(self) -> bool:
        """Whether the step itself printed the error."""
        return self.summary.startswith(OUR_ERROR)


def last_error(s3: Any, bucket: str, prefix: str, step_id: str, wait_seconds: float) -> LastError:
    """Read the logs of the step, and those of its YARN application, under `<prefix>` (`logs/<cluster id>/`).

    Repeats the search until a complete log holds the step's own error, or until `wait_seconds` have passed. Then the
    best log so far is returned, which may be the readable part of a file that is cut short.
    """
    deadline = time.monotonic() + wait_seconds
    logs = _Logs(s3, bucket)
    while True:
        found = []
        for log in logs.look(prefix, step_id):
            if log.is_ours and log.complete:
                return log
            found.append(log)
        if time.monotonic() >= deadline:
            nothing = LastError(uri(bucket, f"{prefix}steps/{step_id}/"), [], "", complete=False)
            return min([*found, nothing], key=_rank)
        time.sleep(min(LOOK_AGAIN_SECONDS, max(deadline - time.monotonic(), 0)))


def _rank(log: LastError) -> tuple[bool, bool, bool]:
    """Sort the most useful log first: the step's own error, then any error, then any line."""
    return (not log.is_ours, not log.summary, not log.lines)


@dataclass
class _Logs:
    """The logs of one step. An object that has not changed since the last look is not read again."""

    s3: Any
    bucket: str
    read: dict[tuple[str, str], LastError] = field(default_factory=dict)
    applications: dict[str, None] = field(default_factory=dict)

    def look(self, prefix: str, step_id: str) -> Iterator[LastError]:
        """Every log that may tell, the most telling first."""
        # spark-submit sends both streams of a Python driver to its stdout; stderr is what Spark itself says.
        for key, etag in self._list(f"{prefix}steps/{step_id}/"):
            yield self._log(key, etag)
        # In cluster mode the driver is in a container of the application that stderr names, the first as a rule.
        containers: dict[str, list[tuple[str, str]]] = {}
        for application in self.applications:
            for key, etag in self._list(f"{prefix}containers/{application}/"):
                containers.setdefault(key.rpartition("/")[0], []).append((key, etag))
        for container in sorted(containers, key=lambda name: (not name.endswith(MASTER), name))[:MOST_CONTAINERS]:
            for key, etag in containers[container]:
                yield self._log(key, etag)

    def _list(self, prefix: str) -> list[tuple[str, str]]:
        """Keys and ETags of the two streams under the prefix, stdout first."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        found = [(item["Key"], item["ETag"]) for page in pages for item in page.get("Contents", ())]
        return sorted((log for log in found if log[0].endswith(STREAMS)), reverse=True)

    def _log(self, key: str, etag: str) -> LastError:
        if (key, etag) not in self.read:
            lines, complete = self._lines(key)
            self.applications |= dict.fromkeys(APPLICATION.findall("\n".join(lines)))
            self.read[key, etag] = LastError(uri(self.bucket, key), lines[-LINES_SHOWN:], summary(lines), complete)
        return self.read[key, etag]

    def _lines(self, key: str) -> tuple[list[str], bool]:
        """Return the last lines of a log, or of its readable part, and whether the file is complete."""
        try:
            tail = read_tail(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"])
        except self.s3.exceptions.NoSuchKey:
            return [], False
        return [line for line in tail.text.splitlines() if line.strip()], tail.complete


def summary(lines: Sequence[str]) -> str:
    """The line that says what was wrong: the job's own last word, else the last error; empty when there is none."""
    for line in reversed(lines):
        if line.startswith(OUR_ERROR):
            return line
    for line in reversed(lines):
        if is_error(line):
            return line.strip()
    return ""


def is_error(line: str) -> bool:
    """Whether a line of a log speaks of an error, and not in passing."""
    return line.startswith(OUR_ERROR) or bool(ERROR.search(line) and not CHATTER.search(line))
