"""Lists the photos of a bucket into the inventory, the fixed input of a run: every photo once, sorted by path.

Folders are listed in parallel where there are several, and the keys put in order afterwards: not every S3 lists them in
the order of their bytes (directory buckets and servers that keep files in folders do not). Memory stays flat.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verger.tables.external_sort import Row, Segment, increasing, merged, spool
from verger.tables.parquet import upload, write_rows
from verger_contract.keys import uri
from verger_contract.photos import is_ignored
from verger_contract.schemas import INVENTORY

log = logging.getLogger(__name__)

CONNECTIONS = 8
"""Folders listed at once: while one answer is read, which keeps a core busy, the others are on their way."""

DEPTH = 3
"""Levels of folders looked at for folders to list in parallel."""


@dataclass
class Inventory:
    """What was listed: photos (rows of the inventory), their bytes, and objects that are no photos at all."""

    photos: int = 0
    bytes: int = 0
    ignored: int = 0


def write_inventory(s3: Any, bucket: str, prefix: str, key: str) -> Inventory:
    """List `prefix` and write path, etag and size of each photo, sorted by path, as Parquet to `key`.

    Raises StorageError when the bucket is missing or may not be listed.
    """
    with tempfile.TemporaryDirectory(prefix="verger-listing-") as scratch:
        found, segments = _list(s3, bucket, prefix, Path(scratch))
        with upload(s3, bucket, key) as file:
            write_rows(file, INVENTORY, increasing(merged(segments, INVENTORY), uri(bucket, prefix)))
    log.info(
        "%s: %s photos, %.1f MB, %s other objects ignored",
        uri(bucket, prefix),
        f"{found.photos:,}",
        found.bytes / 1e6,
        found.ignored,
    )
    return found


def _list(s3: Any, bucket: str, prefix: str, scratch: Path) -> tuple[Inventory, list[Segment]]:
    loose, folders = _branches(s3, bucket, prefix)

    def work(job: tuple[int, Iterable[dict[str, Any]]]) -> tuple[Inventory, list[Segment]]:
        number, items = job
        found, folder = Inventory(), scratch / str(number)
        folder.mkdir()
        return found, spool(_photos(items, found), INVENTORY, folder)

    jobs = [loose, *(_objects(s3, bucket, folder) for folder in folders)]
    with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="list") as pool:
        parts = list(pool.map(work, enumerate(jobs)))
    total = Inventory()
    for found, _ in parts:
        total.photos, total.bytes = total.photos + found.photos, total.bytes + found.bytes
        total.ignored += found.ignored
    return total, [segment for _, segments in parts for segment in segments]


def _branches(s3: Any, bucket: str, prefix: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Folders that together with some loose objects hold everything under `prefix`.

    A level with more than a page of entries (1,000) is not taken apart: it may be one huge folder, or a folder a photo.
    """
    loose: list[dict[str, Any]] = []
    whole: list[str] = []
    open_folders = [prefix]
    for _ in range(DEPTH):
        deeper: list[str] = []
        for folder in open_folders:
            page = s3.list_objects_v2(Bucket=bucket, Prefix=folder, Delimiter="/")
            if page.get("IsTruncated"):
                whole.append(folder)
                continue
            loose += page.get("Contents", ())
            deeper += [common["Prefix"] for common in page.get("CommonPrefixes", ())]
        open_folders = deeper
        if len(open_folders) >= CONNECTIONS:
            break
    return loose, [*whole, *open_folders]


def _objects(s3: Any, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    # boto3 asks for encoding-type=url and decodes: keys come as they are, control characters included.
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from page.get("Contents", ())


def _photos(items: Iterable[dict[str, Any]], found: Inventory) -> Iterator[Row]:
    for item in items:
        if is_ignored(item["Key"]):
            found.ignored += 1
            continue
        found.photos += 1
        found.bytes += item["Size"]
        yield item["Key"], item["ETag"].strip('"'), item["Size"]
