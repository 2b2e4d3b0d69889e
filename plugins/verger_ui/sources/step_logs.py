"""The logs of a step as EMR keeps them on S3: the end of one, unpacked, with its errors marked.

In cluster mode what is logged as the step's is what spark-submit said. The step itself is the driver, in the first
container of the YARN application that spark-submit names.
"""

from __future__ import annotations

import re
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from verger.emr.step_log import APPLICATION, is_error
from verger_contract.keys import uri
from verger_ui.addresses import DRIVER, STEP_STREAMS, STREAMS
from verger_ui.sources.bucket import Bucket

MOST_SHOWN = 1_000_000
"""Bytes of the end of a log, unpacked."""
MOST_PACKED = 64_000_000
"""A gzip file is read from its start: to see the end of a larger one would take longer than anybody waits."""
ATTEMPTS = ("02", "01")
"""Of an application, the last first: YARN makes two when a node goes."""
CHUNK = 1 << 16
GZIP = 31
"""zlib's name for the format."""
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
    too_large: bool


def step_log(bucket: Bucket, log_prefix: str, cluster: str, step: str, stream: str | None) -> StepLog:
    """One stream of a step; the first of STREAMS that is there when none is asked for."""
    of_cluster = f"{log_prefix}{cluster}/"
    folder = f"{of_cluster}steps/{step}/"
    there = _packed(bucket, folder, STEP_STREAMS)
    submitted = _end(bucket, there.get("stderr"))
    there |= _of_driver(bucket, of_cluster, submitted)
    sizes = {name: there[name][1] for name in STREAMS if name in there}
    chosen = stream or next(iter(sizes), STEP_STREAMS[0])
    content = submitted if chosen == "stderr" else _end(bucket, there.get(chosen))
    shown = [*parts(content[-MOST_SHOWN:].decode(errors="replace"))]
    return StepLog(
        sizes=sizes,
        stream=chosen,
        address=uri(bucket.name, there[chosen][0] if chosen in there else f"{folder}{chosen}.gz"),
        parts=shown,
        errors=sum(1 for part in shown if part.number),
        shortened=len(content) > MOST_SHOWN,
        too_large=sizes.get(chosen, 0) > MOST_PACKED,
    )


def _packed(bucket: Bucket, folder: str, streams: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Key and bytes of those streams whose file is in a folder."""
    there = bucket.keys(folder)
    keys = {name: f"{folder}{name}.gz" for name in streams}
    return {name: (key, there[key]) for name, key in keys.items() if key in there}


def _of_driver(bucket: Bucket, of_cluster: str, submitted: bytes) -> dict[str, tuple[str, int]]:
    """The streams of the driver of the application that spark-submit named last; empty when it named none."""
    named = APPLICATION.findall(submitted.decode(errors="replace"))
    for attempt in ATTEMPTS if named else ():
        container = f"container_{named[-1].removeprefix('application_')}_{attempt}_000001"
        found = _packed(bucket, f"{of_cluster}containers/{named[-1]}/{container}/", ("stdout", "stderr"))
        if found:
            return {f"{DRIVER}{name}": packed for name, packed in found.items()}
    return {}


def _end(bucket: Bucket, packed: tuple[str, int] | None) -> bytes:
    """The last bytes of a log, one more than are shown; none of one that is not there, or too large."""
    if packed is None or packed[1] > MOST_PACKED:
        return b""
    return tail(bucket.client.get_object(Bucket=bucket.name, Key=packed[0])["Body"], MOST_SHOWN + 1)


def tail(packed: IO[bytes], most: int) -> bytes:
    """The last bytes of what is packed; of a file that has only arrived in part, the end of that part.

    Holds `most` bytes and a chunk, however long the log is.
    """
    chunks: deque[bytes] = deque()
    held = 0
    try:
        for chunk in unpack(packed):
            chunks.append(chunk)
            held += len(chunk)
            while held - len(chunks[0]) >= most:
                held -= len(chunks.popleft())
    except zlib.error:
        pass  # EMR replaces the file while the step runs
    return b"".join(chunks)[-most:]


def unpack(packed: IO[bytes]) -> Iterator[bytes]:
    """The content of a gzip file in chunks, as far as it has arrived. Raises zlib.error for what is none."""
    unpacker = zlib.decompressobj(GZIP)
    while chunk := packed.read(CHUNK):
        while chunk:
            yield unpacker.decompress(chunk, CHUNK)
            chunk = unpacker.unconsumed_tail
            if unpacker.eof:  # another may follow in the same file
                chunk, unpacker = unpacker.unused_data, zlib.decompressobj(GZIP)
    yield unpacker.flush()


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
