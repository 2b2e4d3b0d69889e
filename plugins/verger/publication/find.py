"""Finds what the bucket holds about a photo: its versions, and the files that name it."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from verger.s3 import bodies
from verger.s3.versions import Bucket
from verger.tables.parquet import Store, TableError
from verger_contract.errors import one_line
from verger_contract.keys import FEATURES, JANITOR, PCA, REJECTS, RUNS, STATISTICS, SUSPECTS_FILE, uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TABLES = (FEATURES, REJECTS, PCA, RUNS)
"""Prefixes of the tables that have a column of paths."""

WITHOUT_PATHS = ("/drift", f"/{STATISTICS}")
"""Parts of the keys of tables in runs/ that have figures of labels, and no column of paths."""

TEXTS = (".json", ".html")


def find(s3: S3Client, store: Store, path: str) -> Iterator[str]:
    """Yield one line for each version of a photo, and for each current object outside of logs/ that names it.

    The column `path` of every table is read, and every JSON and HTML file of a run. A table that is damaged has a line
    too. Logs are not read, and no old versions of other objects: lifecycle rules of the bucket delete both.

    Parameters
    ----------
    path : str
        The key of the photo.

    Raises
    ------
    StorageError
        An object may not be read.
    """
    versions = s3.get_bucket_versioning(Bucket=store.bucket).get("Status") is not None
    for item in Bucket(s3, store.bucket, versions).objects(""):
        key = str(item["Key"])
        if key == path:
            version = f" version {item['VersionId']}" if "VersionId" in item else ""
            size = f"{item['Size']:,} bytes" if "Size" in item else "a delete marker"
            yield f"{uri(store.bucket, key)}:{version} of {item['LastModified']:%Y-%m-%d}, {size}"
        elif "Size" in item and item.get("IsLatest", True):
            found = _in_object(s3, store, key, path)
            if found:
                yield f"{uri(store.bucket, key)}: {found}"


def _in_object(s3: S3Client, store: Store, key: str, path: str) -> str:
    """Return in words how an object names a photo; empty if it does not."""
    if key.startswith(TABLES) and key.endswith(".parquet") and not any(part in key for part in WITHOUT_PATHS):
        try:
            rows = sum(name == path for name in store.column(key, "path"))
            if key.endswith(f"/{SUSPECTS_FILE}"):
                rows += sum(path in names for (names,) in store.rows(key, ("neighbours",)))
        except TableError as error:
            return f"cannot be read ({one_line(error)})"
        return f"{rows} row{'s' if rows > 1 else ''}" if rows else ""
    if key.startswith((RUNS, JANITOR)) and key.endswith(TEXTS):
        text = bodies.content(s3, store.bucket, key).body.decode(errors="replace")
        names = (path, html.escape(path), json.dumps(path)[1:-1])
        return "its name" if any(name in text for name in names) else ""
    return ""
