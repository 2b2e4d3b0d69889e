"""Lists the photos of a bucket into the inventory, the fixed input of a run. Memory stays flat."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from verger.paths import uri
from verger.refusals import StorageError

log = logging.getLogger(__name__)

ROWS_PER_GROUP = 50_000
DESKTOP_FILES = ("thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Inventory:
    """What was listed: photos (rows of the inventory), their bytes, and objects that are no photos at all."""

    photos: int
    bytes: int
    ignored: int


def is_ignored(key: str) -> bool:
    """Folder markers, hidden files and what desktops leave behind. All else is a photo, or becomes a reject."""
    name = key.rsplit("/", 1)[-1]
    return not name or name.startswith(".") or name.endswith("_$folder$") or name.lower() in DESKTOP_FILES


def write_inventory(s3: Any, bucket: str, prefix: str, key: str) -> Inventory:
    """List `prefix` and write path, etag and size of each photo as Parquet to `key`.

    Raises StorageError when the bucket is missing, may not be listed, or holds no photo under the prefix.
    """
    import pyarrow
    import pyarrow.parquet

    schema = pyarrow.schema([("path", pyarrow.string()), ("etag", pyarrow.string()), ("size", pyarrow.int64())])
    counts = {"photos": 0, "bytes": 0, "ignored": 0}
    with tempfile.NamedTemporaryFile(prefix="verger-inventory-", suffix=".parquet") as file:
        with pyarrow.parquet.ParquetWriter(file.name, schema) as writer:
            for rows in _groups(_photos(s3, bucket, prefix, counts)):
                writer.write_table(pyarrow.Table.from_pylist(rows, schema=schema))
        found = Inventory(**counts)
        if not found.photos:
            raise StorageError(
                f"{uri(bucket, prefix)}: expected photos in folders named by their label, found none "
                f"({found.ignored} other objects); upload photos there or correct VERGER_IMAGES_PREFIX"
            )
        s3.upload_file(file.name, bucket, key)
    log.info(
        "%s: %s photos, %.1f MB, %s other objects ignored",
        uri(bucket, prefix),
        f"{found.photos:,}",
        found.bytes / 1e6,
        found.ignored,
    )
    return found


def _photos(s3: Any, bucket: str, prefix: str, counts: dict[str, int]) -> Iterator[dict[str, Any]]:
    # boto3 asks for encoding-type=url and decodes: keys come as they are, control characters included.
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for item in page.get("Contents", ()):
            if is_ignored(item["Key"]):
                counts["ignored"] += 1
                continue
            counts["photos"] += 1
            counts["bytes"] += item["Size"]
            yield {"path": item["Key"], "etag": item["ETag"].strip('"'), "size": item["Size"]}


def _groups(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    for row in rows:
        group.append(row)
        if len(group) == ROWS_PER_GROUP:
            yield group
            group = []
    if group:
        yield group
