"""Lists the photos of a bucket into the inventory: the fixed input of a run, one row per photo, sorted by path.

Ranges of keys are listed in parallel (see `verger.s3.key_ranges`). This needs a server that lists keys in the order of
their bytes, as S3 does. Directory buckets and servers that store files in folders do not: there, folders are listed in
parallel, and the keys are sorted afterwards. Memory does not grow with the number of photos.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from verger.s3.key_ranges import UnorderedError, list_ranges
from verger.s3.listing import Columns, pages_of
from verger.tables.external_sort import Row, Segment, increasing, merged, spool
from verger.tables.parquet import upload, write_batches, write_rows
from verger_contract.keys import uri
from verger_contract.photos import is_ignored, may_be_ignored
from verger_contract.schemas import INVENTORY

if TYPE_CHECKING:
    import pyarrow
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

log = logging.getLogger(__name__)

REQUESTS = 32
"""Ranges that are listed in parallel unless the caller chooses otherwise (see `VERGER_LIST_REQUESTS`)."""

CONNECTIONS = 8
"""Folders that are listed in parallel. Parsing one response keeps a core busy while the others are on their way."""

DEPTH = 3
"""Levels of folders that are searched for folders to list in parallel."""

DIRECTORY_BUCKET = "--x-s3"
"""The end of the name of a directory bucket, which has no `StartAfter`."""


@dataclass
class Inventory:
    """The counts of a listing.

    Attributes
    ----------
    photos : int
        Rows of the inventory.
    bytes : int
        The size of all photos.
    ignored : int
        Objects that are no photos (see `verger_contract.photos.is_ignored`).
    """

    photos: int = 0
    bytes: int = 0
    ignored: int = 0


class ListedRange:
    """Writes the photos of a range to an Arrow file, page by page, and counts them. It is a `key_ranges.Sink`."""

    def __init__(self, path: Path, prefix: str) -> None:
        import pyarrow.ipc

        self.found = Inventory()
        self._path, self._prefix, self._schema = path, prefix, INVENTORY.arrow
        options = pyarrow.ipc.IpcWriteOptions(compression="lz4")
        self._file = pyarrow.OSFile(str(path), "wb")
        self._writer = pyarrow.ipc.new_stream(self._file, self._schema, options=options)

    def add(self, columns: Columns) -> None:
        """Take the objects of a page."""
        import pyarrow

        values = zip(columns, self._schema, strict=True)
        batch = pyarrow.RecordBatch.from_arrays(
            [pyarrow.array(column, field.type) for column, field in values], schema=self._schema
        )
        ignored = [place for place in may_be_ignored(batch["path"]) if is_ignored(columns.keys[place], self._prefix)]
        if ignored:
            places = {*ignored}
            batch = batch.filter(pyarrow.array([place not in places for place in range(batch.num_rows)]))
        self.found.ignored += len(ignored)
        self.found.photos += batch.num_rows
        self.found.bytes += sum(columns.sizes) - sum(columns.sizes[place] for place in ignored)
        self._writer.write_batch(batch)

    def close(self) -> None:
        """Complete the file."""
        self._writer.close()
        self._file.close()

    def batches(self) -> Iterator[pyarrow.RecordBatch]:
        """Yield the photos in order of keys, and delete the file."""
        import pyarrow.ipc

        with pyarrow.OSFile(str(self._path), "rb") as file, pyarrow.ipc.open_stream(file) as stream:
            yield from stream
        self._path.unlink()


def write_inventory(s3: S3Client, bucket: str, prefix: str, key: str, requests: int = REQUESTS) -> Inventory:
    """List `prefix`, and write path, ETag and size of each photo to the Parquet file `key`, sorted by path.

    Parameters
    ----------
    requests
        Requests that are under way at the same time, at most. The client should have as many connections.

    Raises
    ------
    StorageError
        The bucket is missing or may not be listed.
    """
    with tempfile.TemporaryDirectory(prefix="verger-listing-") as scratch, upload(s3, bucket, key) as file:
        found = None if bucket.endswith(DIRECTORY_BUCKET) else _by_ranges(s3, bucket, prefix, file, requests)
        if found is None:
            found, segments = _list(s3, bucket, prefix, Path(scratch))
            write_rows(file, INVENTORY, increasing(merged(segments, INVENTORY), uri(bucket, prefix)))
    log.info(
        "%s: %s photos, %.1f MB; ignored: %s (hidden files, hidden folders, folder markers)",
        uri(bucket, prefix),
        f"{found.photos:,}",
        found.bytes / 1e6,
        f"{found.ignored:,}",
    )
    return found


def _by_ranges(s3: S3Client, bucket: str, prefix: str, file: str, requests: int) -> Inventory | None:
    """Write the inventory to `file`. None: the server does not list keys in the order of their bytes."""
    numbers = count()
    with tempfile.TemporaryDirectory(prefix="verger-ranges-") as scratch, pages_of(s3, bucket, prefix) as listing:
        try:
            found = list_ranges(listing, lambda: ListedRange(Path(scratch, f"{next(numbers)}.arrow"), prefix), requests)
        except UnorderedError as error:
            log.info("%s: listing folder by folder: %s", uri(bucket, prefix), error)
            return None
        write_batches(file, INVENTORY, (batch for listed in found for batch in listed.batches()))
    return _total(listed.found for listed in found)


def _total(parts: Iterable[Inventory]) -> Inventory:
    total = Inventory()
    for part in parts:
        total.photos, total.bytes = total.photos + part.photos, total.bytes + part.bytes
        total.ignored += part.ignored
    return total


def _list(s3: S3Client, bucket: str, prefix: str, scratch: Path) -> tuple[Inventory, list[Segment]]:
    objects, folders = _split(s3, bucket, prefix)

    def work(job: tuple[int, Iterable[ObjectTypeDef]]) -> tuple[Inventory, list[Segment]]:
        number, items = job
        found, folder = Inventory(), scratch / str(number)
        folder.mkdir()
        return found, spool(_photos(items, prefix, found), INVENTORY, folder)

    jobs = [objects, *(_objects(s3, bucket, folder) for folder in folders)]
    with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="list") as pool:
        parts = list(pool.map(work, enumerate(jobs)))
    return _total(found for found, _ in parts), [segment for _, segments in parts for segment in segments]


def _split(s3: S3Client, bucket: str, prefix: str) -> tuple[list[ObjectTypeDef], list[str]]:
    """Return objects and folders that together cover everything under `prefix`.

    A folder with more than one page of entries (1,000) is not split: it may be one large folder, or have a folder for
    each photo.
    """
    objects: list[ObjectTypeDef] = []
    unsplit: list[str] = []
    folders = [prefix]
    for _ in range(DEPTH):
        deeper: list[str] = []
        for folder in folders:
            page = s3.list_objects_v2(Bucket=bucket, Prefix=folder, Delimiter="/")
            if page.get("IsTruncated"):
                unsplit.append(folder)
                continue
            objects += page.get("Contents", [])
            deeper += [common["Prefix"] for common in page.get("CommonPrefixes", [])]
        folders = deeper
        if len(folders) >= CONNECTIONS:
            break
    return objects, [*unsplit, *folders]


def _objects(s3: S3Client, bucket: str, prefix: str) -> Iterator[ObjectTypeDef]:
    # boto3 requests URL-encoded keys and decodes them, so keys with control characters are correct.
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from page.get("Contents", [])


def _photos(items: Iterable[ObjectTypeDef], prefix: str, found: Inventory) -> Iterator[Row]:
    for item in items:
        if is_ignored(item["Key"], prefix):
            found.ignored += 1
            continue
        found.photos += 1
        found.bytes += item["Size"]
        yield item["Key"], item["ETag"].strip('"'), item["Size"]
