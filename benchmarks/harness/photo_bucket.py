"""The photographs of a benchmark: on local S3 and as files on disk, and inventories of as many as asked for."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
from obstore.store import S3Store

from demo.__main__ import STATE, create_bucket, local_aws, store_of
from demo.airflow_run import ROOT
from local_aws.stack import Stack
from sample_photos.albums import Album, synchronise

PHOTOS = ROOT.parent / "shared" / "data" / "fruits-360-test.zip"
FOLDER = STATE / "benchmarks"
BUCKET = "verger-bench"
PREFIX = "images/"
PORTS = {"s3_port": 18333, "emr_port": 15555}
INVENTORY = pa.schema([("path", pa.string()), ("etag", pa.string()), ("size", pa.int64())])


@dataclass(frozen=True)
class PhotoBucket:
    """`s3://verger-bench/images/<label>/<file>`, the same files below `files`, and how clients reach the bucket."""

    variables: dict[str, str]
    store: S3Store
    files: Path
    listing: pa.Table

    @property
    def photos(self) -> int:
        return len(self.listing)

    def inventory(self, count: int) -> str:
        """The URI of an inventory of `count` photos, spread evenly over the sorted keys; written to the bucket."""
        rows = self.listing.take([index * self.photos // count for index in range(min(count, self.photos))])
        key = f"inventories/{count}.parquet"
        buffer = io.BytesIO()
        pq.write_table(rows, buffer)
        obstore.put(self.store, key, buffer.getvalue())
        (self.files.parent / key).parent.mkdir(exist_ok=True)
        (self.files.parent / key).write_bytes(buffer.getvalue())
        return f"s3://{BUCKET}/{key}"

    def inventory_file(self, count: int) -> Path:
        """The same inventory as a file."""
        self.inventory(count)
        return self.files.parent / f"inventories/{count}.parquet"

    def empty(self, prefix: str) -> None:
        """Delete everything under `prefix`."""
        for batch in obstore.list(self.store, prefix):
            obstore.delete(self.store, [item["path"] for item in batch])


@contextlib.contextmanager
def photo_bucket(images: Path = PHOTOS, limit: int | None = None) -> Iterator[PhotoBucket]:
    """Local S3 with the photos in it while the body runs; what an earlier benchmark sent is not sent again."""
    stack = Stack(FOLDER / "aws", **PORTS)
    variables = stack.environment()
    album = Album(images, limit)
    files = FOLDER / "photos" / album.name
    with local_aws(stack):
        create_bucket(BUCKET, variables)
        store = store_of(BUCKET, variables)
        synchronise(store, PREFIX, album)
        unpack(album, files / PREFIX)
        yield PhotoBucket(variables, store, files, listing(store))


def unpack(album: Album, folder: Path) -> None:
    """The files of an album below `folder`."""
    complete = folder.parent / "complete"
    if complete.exists():
        return
    for name, content in album.files():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    complete.touch()


def listing(store: S3Store) -> pa.Table:
    """path, etag, size of all photos, sorted by path."""
    rows = [
        {"path": item["path"], "etag": (item["e_tag"] or "").strip('"'), "size": item["size"]}
        for batch in obstore.list(store, PREFIX)
        for item in batch
    ]
    return pa.Table.from_pylist(rows, schema=INVENTORY).sort_by("path")
