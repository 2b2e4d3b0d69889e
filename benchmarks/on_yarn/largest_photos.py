"""The whole DAG over the largest photos that the limits let in, with two tasks at once in an executor."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from obstore.store import S3Store

from benchmarks.harness import local_stack, tables
from benchmarks.harness.places import FOLDER, README
from benchmarks.on_yarn.observer import Observer
from benchmarks.on_yarn.trial import published, trial
from benchmarks.on_yarn.whole_dag import memory
from sample_photos.albums import Album
from sample_photos.formats import KINDS, Encode, picture
from verger_photo.formats import format_of, opened
from verger_photo.limits.checks import check, read_header
from verger_photo.limits.sizes import MIB, WORKER
from verger_photo.unreadable import UnreadablePhoto

SAMPLE = 1200, 800
"""Width and height of the picture from which the size of the largest one is estimated."""

SHRINK = 0.96
"""Factor of the pixels after a size that the limits refuse."""

COPIES = 4
"""Photos of each kind. Two executors of two cores decode them at the same time."""

KINDS_MEASURED = (
    "JPEG, 4:2:0", "JPEG, CMYK", "JPEG, progressive, 4:4:4", "PNG, RGB", "PNG, grey with alpha",
    "PNG, RGBA, interlaced", "TIFF, RGB, one strip", "TIFF, RGB, LZW", "BMP, RGB", "GIF, transparent",
    "PPM, RGB, 16 bits", "WebP, lossless", "AVIF, 4:4:4", "JPEG 2000, RGB",
)  # fmt: skip
"""Of each format the kinds whose largest photos have the most pixels, or take the most memory for a pixel."""

SETTINGS = {
    "VERGER_CORE_ON_DEMAND": "1",
    "VERGER_TASK_SPOT": "0",
    "VERGER_PHOTOS_PER_TASK": "1",
    "VERGER_MAX_REJECTS_SHARE": "1",
}
Row = dict[str, Any]


@dataclass(frozen=True)
class Photo:
    """The file of a photo, and its width and height."""

    name: str
    file: Path
    width: int
    height: int


def largest_photos(page: Path = README) -> None:
    """Run the DAG over COPIES photos of each kind, and over one that is too large. Write two tables.

    Raises
    ------
    SystemExit
        The run failed, or a container used more than its limit.
    """
    photos = [*made()]
    folder = FOLDER / "yarn" / "largest"
    with trial(Album(folder, drawn=True), "yarn", SETTINGS) as on_yarn, Observer(on_yarn.stack) as observer:
        on_yarn.run()
        rejects = rejected(on_yarn.store)
        rows = [row(photo, rejects) for photo in photos]
        memory_rows = memory(on_yarn, observer.seen)
    tables.write("yarn_photos", rows, page)
    tables.write("yarn_photos_memory", memory_rows, page)


def made() -> Iterator[Photo]:
    """Make the files, unless an earlier call made them, and yield one of each kind."""
    too_large = 10_500, 10_000
    for name in KINDS_MEASURED:
        yield _cached(name, KINDS[name], None)
    yield _cached("PNG, RGB, 65,535 pixels wide", KINDS["PNG, RGB"], (65_535, 1_500))
    yield _cached("PNG, RGB, too many pixels", KINDS["PNG, RGB"], too_large)


def _cached(name: str, encode: Encode, size: tuple[int, int] | None) -> Photo:
    label = "".join(char if char.isalnum() else "-" for char in name)
    folder = FOLDER / "yarn" / "largest" / label
    facts = folder.parent.parent / "sizes" / f"{label}.json"
    if not facts.exists():
        print(f"making the largest photo of the kind {name}", flush=True)
        content, size = (encode(picture(*size)), size) if size else largest(encode)
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(COPIES):
            (folder / f"{number}.bin").write_bytes(content)
        facts.parent.mkdir(exist_ok=True)
        facts.write_text(json.dumps(size))
    width, height = json.loads(facts.read_text())
    return Photo(name, folder / "0.bin", width, height)


def largest(encode: Encode) -> tuple[bytes, tuple[int, int]]:
    """Return a file of this kind that the limits let in, with nearly as many pixels as possible, and its size."""
    from verger_photo.limits import memory as bounds

    content = encode(picture(*SAMPLE))
    header = read_header(format_of(content), content)
    needed = bounds.peak(opened(format_of(content), header.content).image, header) - bounds.BLOCKS
    fit = (WORKER.memory - bounds.BLOCKS) * math.prod(SAMPLE) / needed
    pixels = min(fit, WORKER.pixels)
    while True:
        width = int(math.sqrt(1.5 * pixels))
        size = width, int(width / 1.5)
        content = encode(picture(*size))
        if is_let_in(content):
            return content, size
        pixels *= SHRINK


def is_let_in(content: bytes) -> bool:
    """Return whether the limits let a file in. It is not decoded."""
    form = format_of(content)
    try:
        header = read_header(form, content)
        check(opened(form, header.content).image, header, WORKER)
    except UnreadablePhoto:
        return False
    return True


def rejected(store: S3Store) -> dict[str, str]:
    """Return the kinds of the rejects of the published run, by the folder of the photo."""
    found: dict[str, str] = {}
    for key in local_stack.keys(store, published(store).rejects, ".parquet"):
        table = pq.read_table(io.BytesIO(local_stack.read(store, key)))
        found |= {row["path"].split("/")[-2]: row["kind"] for row in table.to_pylist()}
    return found


def row(photo: Photo, rejects: dict[str, str]) -> Row:
    """Return a row of the table."""
    return {
        "kind": photo.name,
        "pixels": f"{photo.width:,} × {photo.height:,}",
        "Mpx": f"{photo.width * photo.height / 1e6:.1f}",
        "file, MiB": f"{photo.file.stat().st_size / MIB:.1f}",
        "photos": COPIES,
        "result": rejects.get(photo.file.parent.name, "features"),
    }
