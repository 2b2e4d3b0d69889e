"""Lists the photos of a bucket into the inventory: the fixed input of a run, one row per photo, sorted by path.

Folders are listed in parallel, and the keys are sorted afterwards. Not every S3 server lists keys in the order of their
bytes: directory buckets and servers that store files in folders do not. Memory does not grow with the number of photos.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from verger.tables.external_sort import Row, Segment, increasing, merged, spool
from verger.tables.parquet import upload, write_rows
from verger_contract.keys import uri
from verger_contract.photos import is_ignored
from verger_contract.schemas import INVENTORY

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

log = logging.getLogger(__name__)

CONNECTIONS = 8
"""Folders that are listed in parallel. Parsing one response keeps a core busy while the others are on their way."""

DEPTH = 3
"""Levels of folders that are searched for folders to list in parallel."""


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


def write_inventory(s3: S3Client, bucket: str, prefix: str, key: str) -> Inventory:
    """List `prefix`, and write path, ETag and size of each photo to the Parquet file `key`, sorted by path.

    Raises
    ------
    StorageError
        The bucket is missing or may not be listed.
    """
    with tempfile.TemporaryDirectory(prefix="verger-listing-") as scratch:
        found, segments = _list(s3, bucket, prefix, Path(scratch))
        with upload(s3, bucket, key) as file:
            write_rows(file, INVENTORY, increasing(merged(segments, INVENTORY), uri(bucket, prefix)))
    log.info(
        "%s: %s photos, %.1f MB; ignored: %s (hidden files, hidden folders, folder markers)",
        uri(bucket, prefix),
        f"{found.photos:,}",
        found.bytes / 1e6,
        f"{found.ignored:,}",
    )
    return found


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
    total = Inventory()
    for found, _ in parts:
        total.photos, total.bytes = total.photos + found.photos, total.bytes + found.bytes
        total.ignored += found.ignored
    return total, [segment for _, segments in parts for segment in segments]


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
