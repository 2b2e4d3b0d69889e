"""Finds the last error of a failed step in the logs that EMR uploads to S3, minutes late."""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from verger.paths import uri

OUR_ERROR = "verger: error:"
ERROR = re.compile(r"\b\w*(Error|Exception)\b|\bFATAL\b|\bERROR\b")
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
    """Read the step's stderr, and that of its YARN application, under `<prefix>` (`logs/<cluster id>/`).

    Looks again until one of them says what was wrong or `wait_seconds` have passed.
    """
    deadline = time.monotonic() + wait_seconds
    while True:
        found = _look(s3, bucket, prefix, step_id)
        if found.summary.startswith(OUR_ERROR) or time.monotonic() >= deadline:
            return found
        time.sleep(min(LOOK_AGAIN_SECONDS, max(deadline - time.monotonic(), 0)))


def _look(s3: Any, bucket: str, prefix: str, step_id: str) -> LastError:
    key = f"{prefix}steps/{step_id}/stderr.gz"
    step = _read(s3, bucket, key)
    found = _judge(uri(bucket, key), step)
    if found.summary.startswith(OUR_ERROR):
        return found
    # In cluster mode the job's own words are in the log of its application master.
    for application in dict.fromkeys(APPLICATION.findall("\n".join(step))):
        for key in _keys(s3, bucket, f"{prefix}containers/{application}/"):
            driver = _judge(uri(bucket, key), _read(s3, bucket, key))
            if driver.summary.startswith(OUR_ERROR):
                return driver
    return found


def _judge(address: str, lines: Sequence[str]) -> LastError:
    return LastError(address, lines[-LINES_SHOWN:], summary(lines))


def summary(lines: Sequence[str]) -> str:
    """The line that says what was wrong: the job's own last word, else the last that reads like an error."""
    for line in reversed(lines):
        if line.startswith(OUR_ERROR):
            return line
    for line in reversed(lines):
        if ERROR.search(line):
            return line.strip()
    return lines[-1].strip() if lines else ""


def _keys(s3: Any, bucket: str, prefix: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [item["Key"] for page in pages for item in page.get("Contents", ()) if item["Key"].endswith("stderr.gz")]


def _read(s3: Any, bucket: str, key: str) -> list[str]:
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return []
    return [line for line in gzip.decompress(body).decode(errors="replace").splitlines() if line.strip()]
