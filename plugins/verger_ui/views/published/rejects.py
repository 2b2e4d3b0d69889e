"""The rejected photos of the publication: a page of them, and all of them as CSV or Parquet."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from verger.publication.model import Snapshot
from verger_contract.schemas import REJECTS
from verger_ui.sources import photo_rows
from verger_ui.sources.bucket import Bucket
from verger_ui.sources.photo_rows import Photo

PER_PAGE = 100
ROWS = 1000
"""Rows of a part of a download."""


@dataclass(frozen=True)
class RejectsPage:
    """A page of the rejects.

    Attributes
    ----------
    kinds : sequence of (str, int)
        Each kind and its number of photos, largest first.
    kind : str
        The kind that is shown; empty for all.
    photos : sequence of Photo
    page, pages, total : int
        Number of the page, from 1; number of pages; number of the photos of all pages.
    """

    kinds: Sequence[tuple[str, int]]
    kind: str
    photos: Sequence[Photo]
    page: int
    pages: int
    total: int


def rejects_page(bucket: Bucket, snapshot: Snapshot, kind: str, number: int) -> RejectsPage:
    """Return a page of the rejects of a publication; the last page for a larger number."""
    found = photo_rows.rejects(bucket, snapshot)
    kinds = Counter(photo.kind for photo in found)
    shown = [photo for photo in found if photo.kind == kind] if kind else found
    pages = max(-(-len(shown) // PER_PAGE), 1)
    number = min(number, pages)
    start = (number - 1) * PER_PAGE
    return RejectsPage(kinds.most_common(), kind, shown[start : start + PER_PAGE], number, pages, len(shown))


def as_csv(bucket: Bucket, snapshot: Snapshot) -> Iterator[str]:
    """Yield all rejects as CSV with a header, in parts.

    Keys begin with the prefix of the photos, so no cell is a formula.
    """
    waiting = io.StringIO()
    writer = csv.writer(waiting)
    writer.writerow(REJECTS.names)
    for number, photo in enumerate(photo_rows.rejects(bucket, snapshot)):
        writer.writerow((photo.path, photo.etag, photo.kind, photo.reason))
        if number % ROWS == ROWS - 1:
            yield waiting.getvalue()
            waiting.seek(0)
            waiting.truncate()
    yield waiting.getvalue()


def as_parquet(bucket: Bucket, snapshot: Snapshot) -> bytes:
    """Return all rejects as a Parquet file with the columns of the rejects table."""
    import pyarrow
    import pyarrow.parquet

    rows = [(photo.path, photo.etag, photo.kind, photo.reason) for photo in photo_rows.rejects(bucket, snapshot)]
    columns = [pyarrow.array(values, pyarrow.string()) for values in zip(*rows, strict=True)] or [
        pyarrow.array([], pyarrow.string()) for _ in REJECTS.names
    ]
    sink = io.BytesIO()
    with pyarrow.parquet.ParquetWriter(sink, REJECTS.arrow, compression="zstd") as file:
        file.write(pyarrow.Table.from_arrays(columns, schema=REJECTS.arrow))
    return sink.getvalue()
