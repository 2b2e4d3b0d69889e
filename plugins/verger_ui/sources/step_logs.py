"""The logs of a step as EMR keeps them on S3: the end of one, unpacked, with its errors marked.

In cluster mode what is logged as the step's is what spark-submit said. The step itself is the driver, in the first
container of the YARN application that spark-submit names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from verger.emr.log_tail import LogTail, read_tail
from verger.emr.step_log import APPLICATION, is_error
from verger_contract.keys import uri
from verger_ui.addresses import DRIVER, STEP_STREAMS, STREAMS
from verger_ui.sources.bucket import Bucket

MOST_PACKED = 64_000_000
"""A gzip file is read from its start: to see the end of a larger one would take longer than anybody waits."""
ATTEMPTS = ("02", "01")
"""Of an application, the last first: YARN makes two when a node goes."""
CONTROL = re.compile(r"\x1b\[[0-9;]*m|[\x00-\x08\x0b-\x1f\x7f]")
"""Colours of a terminal, and other characters that have no place on a page."""


@dataclass(frozen=True)
class Part:
    """Lines that follow each other; `number` counts the errors among the parts, from 1, 0 for what is none."""

    text: str
    number: int


@dataclass(frozen=True)
class StepLog:
    """`sizes`: stream to bytes of its packed file, for those that are there. `parts` of the one that is shown."""

    sizes: dict[str, int]
    stream: str
    address: str
    parts: Sequence[Part]
    errors: int
    shortened: bool
    complete: bool
    too_large: bool


def step_log(bucket: Bucket, log_prefix: str, cluster: str, step: str, stream: str | None) -> StepLog:
    """One stream of a step; the first of STREAMS that is there when none is asked for."""
    of_cluster = f"{log_prefix}{cluster}/"
    folder = f"{of_cluster}steps/{step}/"
    there = _packed(bucket, folder, STEP_STREAMS)
    submitted = _end(bucket, there.get("stderr"))
    there |= _of_driver(bucket, of_cluster, submitted.text)
    sizes = {name: there[name][1] for name in STREAMS if name in there}
    chosen = stream or next(iter(sizes), STEP_STREAMS[0])
    end = submitted if chosen == "stderr" else _end(bucket, there.get(chosen))
    shown = [*parts(end.text)]
    return StepLog(
        sizes=sizes,
        stream=chosen,
        address=uri(bucket.name, there[chosen][0] if chosen in there else f"{folder}{chosen}.gz"),
        parts=shown,
        errors=sum(1 for part in shown if part.number),
        shortened=end.shortened,
        complete=end.complete,
        too_large=sizes.get(chosen, 0) > MOST_PACKED,
    )


def _packed(bucket: Bucket, folder: str, streams: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Key and bytes of those streams whose file is in a folder."""
    there = bucket.keys(folder)
    keys = {name: f"{folder}{name}.gz" for name in streams}
    return {name: (key, there[key]) for name, key in keys.items() if key in there}


def _of_driver(bucket: Bucket, of_cluster: str, submitted: str) -> dict[str, tuple[str, int]]:
    """The streams of the driver of the application that spark-submit named last; empty when it named none."""
    named = APPLICATION.findall(submitted)
    for attempt in ATTEMPTS if named else ():
        container = f"container_{named[-1].removeprefix('application_')}_{attempt}_000001"
        found = _packed(bucket, f"{of_cluster}containers/{named[-1]}/{container}/", ("stdout", "stderr"))
        if found:
            return {f"{DRIVER}{name}": packed for name, packed in found.items()}
    return {}


def _end(bucket: Bucket, packed: tuple[str, int] | None) -> LogTail:
    """Return the end of a log; empty when the file is missing or too large."""
    if packed is None or packed[1] > MOST_PACKED:
        return LogTail(b"", shortened=False, complete=True)
    return read_tail(bucket.client.get_object(Bucket=bucket.name, Key=packed[0])["Body"])


def parts(text: str) -> Iterator[Part]:
    """The lines, those that speak of an error apart."""
    plain: list[str] = []
    errors = 0
    for line in text.splitlines():
        clean = CONTROL.sub("", line)
        if is_error(clean):
            if plain:
                yield Part("\n".join(plain), 0)
                plain = []
            errors += 1
            yield Part(clean, errors)
        else:
            plain.append(clean)
    if plain:
        yield Part("\n".join(plain), 0)
