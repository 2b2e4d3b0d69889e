"""Find the last error of a failed step in the logs that EMR uploads to S3, some minutes after the failure."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from verger.emr.log_tail import read_tail
from verger.s3 import bodies
from verger.s3.errors import UnavailableError
from verger_contract.keys import uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

STEP_ERROR = "verger: error:"
"""The prefix of the line with which a step of Verger reports its error (`verger_spark.session`)."""
ERROR = re.compile(r"\b\w*(Error|Exception)\b|\bFATAL\b|\bERROR\b")
VERGER_ERROR = re.compile(r"^(?:[\w.]+\.)?VergerError: ")
TRACEBACK = "Traceback (most recent call last):"
OF_JAVA = re.compile(r"^py4j\.protocol\.Py4JJavaError\b")
"""The Python exception of a call that failed in Java. The next line, which begins with `: `, has the Java exception."""
FRAME = re.compile(r"^\s*(?:at \S+\(|\.\.\. \d+ more\b|File \")")
"""A stack frame of Java or Python. Its method can have the name of an error."""
LOWER_LEVEL = re.compile(r" (INFO|WARN|DEBUG) ")
YARN_REASON = "Diagnostics message: "
"""In Spark's line with the reason for which YARN has ended an application."""
ATTEMPT_REASON = "Failing this attempt.Diagnostics: "
"""Begins the next line, with the reason for which the application master ended."""
APPLICATION = re.compile(r"\bapplication_\d+_\d+\b")
STREAMS = ("stdout.gz", "stderr.gz")
APPLICATION_MASTER = "_000001"
"""Ends the id of the first container of a YARN application. A driver in cluster mode runs there."""
EXIT_CODE = re.compile(r"\b(?:ended with exit code|Step failed with exitCode) (\d+)")
"""What EMR's controller writes at the end of a step."""
KILLED_FROM = 128
"""The exit code of a process that a signal has ended is this plus the number of the signal."""
LINES_SHOWN = 20
POLL_SECONDS = 5
MAX_CONTAINERS = 20


@dataclass(frozen=True)
class LastError:
    """The last error of one log.

    Attributes
    ----------
    uri : str
        Address of the log.
    lines : sequence of str
        Its last lines.
    summary : str
        The line with the error; empty when no line has one.
    complete : bool
        False when the file is missing or cut short.
    """

    uri: str
    lines: Sequence[str]
    summary: str
    complete: bool = True

    @property
    def is_step_error(self) -> bool:
        """Whether the step itself reported the error."""
        return self.summary.startswith(STEP_ERROR)

    @property
    def is_yarn_reason(self) -> bool:
        """Whether YARN has ended the application. Errors in other logs of the step are consequences."""
        return self.summary.startswith(YARN_REASON)


def last_error(s3: S3Client, bucket: str, prefix: str, step_id: str, wait_seconds: float) -> LastError:
    """Return the last error in the logs of a step and of its YARN application.

    Reads the logs repeatedly, until a complete log holds an error that the step itself reported, the step was killed,
    or `wait_seconds` have passed. Then the best log counts, also the readable part of a file that is cut short: a log
    with the step's own error, else one with any error, else one with any line.

    Parameters
    ----------
    s3 : S3Client
    bucket : str
    prefix : str
        Key prefix of the logs of the cluster: `logs/<cluster id>/`.
    step_id : str
        EMR's id of the step.
    wait_seconds : float
        0: read once.

    Raises
    ------
    StorageError
        S3 denies the access.
    """
    deadline, was_killed = time.monotonic() + wait_seconds, False
    logs = _Logs(s3, bucket)
    while True:
        found = []
        try:
            for log in logs.read(prefix, step_id):
                if log.is_step_error and log.complete:
                    return log
                found.append(log)
        except UnavailableError as error:  # the message of the step matters more than that of S3
            found.append(LastError(uri(bucket, f"{prefix}steps/{step_id}/"), [str(error)], "", complete=False))
        if time.monotonic() >= deadline or was_killed:
            nothing = LastError(uri(bucket, f"{prefix}steps/{step_id}/"), [], "", complete=False)
            return min([*found, nothing], key=_rank)
        # A killed process writes no error. The logs are read once more: EMR may be uploading them.
        was_killed = (exit_code(s3, bucket, prefix, step_id) or 0) > KILLED_FROM
        time.sleep(min(POLL_SECONDS, max(deadline - time.monotonic(), 0)))


def exit_code(s3: S3Client, bucket: str, prefix: str, step_id: str) -> int | None:
    """Return the exit code of a step from the log of EMR's controller; None when it has none (yet).

    Parameters
    ----------
    prefix, step_id
        As in `last_error`.
    """
    lines, _ = _Logs(s3, bucket).lines(f"{prefix}steps/{step_id}/controller.gz")
    found = [match[1] for match in map(EXIT_CODE.search, lines) if match]
    return int(found[-1]) if found else None


def _rank(log: LastError) -> tuple[bool, ...]:
    """Sort the most useful log first."""
    return (not log.is_step_error, not log.is_yarn_reason, not log.summary, not log.lines)


@dataclass
class _Logs:
    """The logs of one step. An object is read again only when its ETag has changed."""

    s3: S3Client
    bucket: str
    cache: dict[tuple[str, str], LastError] = field(default_factory=dict)
    applications: dict[str, None] = field(default_factory=dict)

    def read(self, prefix: str, step_id: str) -> Iterator[LastError]:
        """Yield the end of each log, in the order in which a log is likely to hold the error."""
        # spark-submit redirects both streams of a Python driver to its own stdout; its stderr holds Spark's messages.
        for key, etag in self._list(f"{prefix}steps/{step_id}/"):
            yield self._log(key, etag)
        # The containers of the application that stderr names: first that of the application master, then executors. A
        # step that a user added in cluster mode has its driver in the first one.
        containers: dict[str, list[tuple[str, str]]] = {}
        for application in self.applications:
            for key, etag in self._list(f"{prefix}containers/{application}/"):
                containers.setdefault(key.rpartition("/")[0], []).append((key, etag))
        order = sorted(containers, key=lambda name: (not name.endswith(APPLICATION_MASTER), name))
        for container in order[:MAX_CONTAINERS]:
            for key, etag in containers[container]:
                yield self._log(key, etag)

    def _list(self, prefix: str) -> list[tuple[str, str]]:
        """Return keys and ETags of the two streams under the prefix, stdout first."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        found = [(item["Key"], item["ETag"]) for page in pages for item in page.get("Contents", ())]
        return sorted((log for log in found if log[0].endswith(STREAMS)), reverse=True)

    def _log(self, key: str, etag: str) -> LastError:
        if (key, etag) not in self.cache:
            lines, complete = self.lines(key)
            self.applications |= dict.fromkeys(APPLICATION.findall("\n".join(lines)))
            self.cache[key, etag] = LastError(uri(self.bucket, key), lines[-LINES_SHOWN:], summary(lines), complete)
        return self.cache[key, etag]

    def lines(self, key: str) -> tuple[list[str], bool]:
        """Return the last lines of a log, or of its readable part, and whether the file is complete."""
        try:
            tail = bodies.read(self.s3, self.bucket, key, lambda answer: read_tail(answer["Body"]))
        except self.s3.exceptions.NoSuchKey:
            return [], False
        return [line for line in tail.text.splitlines() if line.strip()], tail.complete


def summary(lines: Sequence[str]) -> str:
    """Return the line with the error, empty when no line has one.

    The first of these that exists, and of several the last one: the error that the step reported; a VergerError; the
    reason for which YARN has ended the application; the exception of a Python traceback; the Java exception of a call
    from Python; any other error that is no stack frame.
    """
    found = (
        [line for line in lines if line.startswith(STEP_ERROR)],
        [line for line in lines if VERGER_ERROR.match(line)],
        [*_yarn_reasons(lines)],
        [line for line in _python_exceptions(lines) if not OF_JAVA.match(line)],
        [java.removeprefix(": ") for line, java in pairwise(lines) if OF_JAVA.match(line) and java.startswith(": ")],
        [line for line in lines if is_error(line)],
    )
    return next((candidates[-1].strip() for candidates in found if candidates), "")


def _yarn_reasons(lines: Sequence[str]) -> Iterator[str]:
    """Yield the reasons for which YARN has ended the application: of the application, and of its attempt."""
    for line, after in pairwise([*lines, ""]):
        if YARN_REASON in line:
            attempt = after.removeprefix(ATTEMPT_REASON) if after.startswith(ATTEMPT_REASON) else ""
            yield f"{YARN_REASON}{line.partition(YARN_REASON)[2]} {attempt}".strip()


def _python_exceptions(lines: Iterable[str]) -> Iterator[str]:
    """Yield the line with the exception of each traceback: the first one after it that is not indented.

    The traceback of a Spark worker is part of the message of a Java exception.
    """
    rest = iter(lines)
    for line in rest:
        if TRACEBACK in line:
            exception = next((after for after in rest if not after[0].isspace()), None)
            if exception is not None:
                yield exception


def is_error(line: str) -> bool:
    """Return whether a line of a log is an error: it names one, is no stack frame, and has no lower log level."""
    if line.startswith(STEP_ERROR):
        return True
    return bool(ERROR.search(line)) and not LOWER_LEVEL.search(line) and not FRAME.match(line)
