"""Finds the last error of a failed step in the logs that EMR uploads to S3, minutes late."""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from verger.paths import uri

OUR_ERROR = "verger: error:"
ERROR = re.compile(r"\b\w*(Error|Exception)\b|\bFATAL\b|\bERROR\b")
CHATTER = re.compile(r" (INFO|WARN|DEBUG) ")
APPLICATION = re.compile(r"\bapplication_\d+_\d+\b")
LINES_SHOWN = 20
LOOK_AGAIN_SECONDS = 5


@dataclass(frozen=True)
class LastError:
    """The log's address, its last lines, and the one line that says what was wrong (empty when none does)."""

    uri: str
    lines: Sequence[str]
    summary: str


def last_error(s3: Any, bucket: str, prefix: str, step_id: str, wait_seconds: float) -> LastError:
    """Read the logs of the step, and those of its YARN application, under `<prefix>` (`logs/<cluster id>/`).

    Looks again until the job's own error is found or `wait_seconds` have passed; then the next best is good enough.
    """
    deadline = time.monotonic() + wait_seconds
    while True:
        logs = [
            LastError(uri(bucket, key), lines[-LINES_SHOWN:], summary(lines))
            for key, lines in _logs(s3, bucket, prefix, step_id)
        ]
        ours = [log for log in logs if log.summary.startswith(OUR_ERROR)]
        if ours or time.monotonic() >= deadline:
            telling = [log for log in logs if log.summary] or [log for log in logs if log.lines]
            return (ours or telling or logs)[0]
        time.sleep(min(LOOK_AGAIN_SECONDS, max(deadline - time.monotonic(), 0)))


def _logs(s3: Any, bucket: str, prefix: str, step_id: str) -> Iterator[tuple[str, list[str]]]:
    """Keys and lines of every log that may tell, the most telling first."""
    # spark-submit sends both streams of a Python driver to its stdout; stderr is what Spark itself says.
    lines: list[str] = []
    for stream in ("stdout", "stderr"):
        key = f"{prefix}steps/{step_id}/{stream}.gz"
        lines = _read(s3, bucket, key)
        yield key, lines
    # In cluster mode the driver is in a container of the application that stderr names.
    for application in dict.fromkeys(APPLICATION.findall("\n".join(lines))):
        for key in _keys(s3, bucket, f"{prefix}containers/{application}/"):
            yield key, _read(s3, bucket, key)


def summary(lines: Sequence[str]) -> str:
    """The line that says what was wrong: the job's own last word, else the last error; empty when there is none."""
    for line in reversed(lines):
        if line.startswith(OUR_ERROR):
            return line
    for line in reversed(lines):
        if ERROR.search(line) and not CHATTER.search(line):
            return line.strip()
    return ""


def _keys(s3: Any, bucket: str, prefix: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    names = ("stdout.gz", "stderr.gz")
    return [item["Key"] for page in pages for item in page.get("Contents", ()) if item["Key"].endswith(names)]


def _read(s3: Any, bucket: str, key: str) -> list[str]:
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return []
    return [line for line in gzip.decompress(body).decode(errors="replace").splitlines() if line.strip()]
