"""Reads the end of a step's log, which EMR uploads to S3, and marks the lines with errors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from verger.emr.log_tail import LogTail, read_tail
from verger.emr.step_log import is_error
from verger_contract.keys import uri
from verger_ui.addresses import STREAMS
from verger_ui.sources.bucket import Bucket

MOST_PACKED = 64_000_000
"""Largest compressed log that is read. A gzip file is read from its start, so a larger one takes too long."""
CONTROL = re.compile(r"\x1b\[[0-9;]*m|[\x00-\x08\x0b-\x1f\x7f]")
"""Terminal colours and other control characters."""


@dataclass(frozen=True)
class Part:
    """Consecutive lines. `number` counts the parts with an error, from 1; it is 0 for lines without one."""

    text: str
    number: int


@dataclass(frozen=True)
class StepLog:
    """One stream of a step's log.

    Attributes
    ----------
    sizes : dict of str to int
        Bytes of the compressed file of each stream that exists.
    stream : str
        The stream that is shown.
    address : str
        URI of its file.
    parts : sequence of Part
    errors : int
        Lines with an error.
    shortened : bool
        Only the end of the log is shown.
    complete : bool
        False when the file is cut short.
    too_large : bool
        The file is too large to be read.
    """

    sizes: dict[str, int]
    stream: str
    address: str
    parts: Sequence[Part]
    errors: int
    shortened: bool
    complete: bool
    too_large: bool


def step_log(bucket: Bucket, log_prefix: str, cluster: str, step: str, stream: str | None) -> StepLog:
    """Read one stream of a step; the first existing one of STREAMS when `stream` is None."""
    folder = f"{log_prefix}{cluster}/steps/{step}/"
    existing = _packed(bucket, folder)
    chosen = stream or next(iter(existing), STREAMS[0])
    end = _end(bucket, existing.get(chosen))
    sizes = {name: size for name, (_, size) in existing.items()}
    shown = [*parts(end.text)]
    return StepLog(
        sizes=sizes,
        stream=chosen,
        address=uri(bucket.name, existing[chosen][0] if chosen in existing else f"{folder}{chosen}.gz"),
        parts=shown,
        errors=sum(1 for part in shown if part.number),
        shortened=end.shortened,
        complete=end.complete,
        too_large=sizes.get(chosen, 0) > MOST_PACKED,
    )


def _packed(bucket: Bucket, folder: str) -> dict[str, tuple[str, int]]:
    """Return the key and the bytes of the streams whose file is in a folder, in the order of STREAMS."""
    found = bucket.keys(folder)
    keys = {name: f"{folder}{name}.gz" for name in STREAMS}
    return {name: (key, found[key]) for name, key in keys.items() if key in found}


def _end(bucket: Bucket, packed: tuple[str, int] | None) -> LogTail:
    """Return the end of a log; empty when the file is missing or too large."""
    if packed is None or packed[1] > MOST_PACKED:
        return LogTail(b"", shortened=False, complete=True)
    return bucket.read(packed[0], lambda answer: read_tail(answer["Body"]))


def parts(text: str) -> Iterator[Part]:
    """Split a text into parts. Each line with an error is a part of its own."""
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
