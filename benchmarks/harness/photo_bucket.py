"""Photos for a benchmark: in a bucket of local S3, as files on disk, and as inventories of a given number of photos."""

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

from benchmarks.harness import local_stack
from benchmarks.harness.places import FOLDER, PHOTOS
from local_aws.stack import Stack
from sample_photos.albums import Album, synchronise

BUCKET = "verger-bench"
PREFIX = "images/"
INVENTORY = pa.schema([("path", pa.string()), ("etag", pa.string()), ("size", pa.int64())])


@dataclass(frozen=True)
class PhotoBucket:
    """The bucket `s3://verger-bench` and the same photos on disk.

    Attributes
    ----------
    stack : Stack
        Local AWS, running.
    store : S3Store
        Reads and writes the bucket.
    files : Path
        Folder with the same files as the bucket: images/<label>/<file>.
    listing : pa.Table
        path, etag, size of all photos, sorted by path.
    """

    stack: Stack
    store: S3Store
    files: Path
    listing: pa.Table

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables of AWS clients: endpoints, credentials, region."""
        return self.stack.environment()

    @property
    def photos(self) -> int:
        """Number of photos in the bucket."""
        return len(self.listing)

    def inventory(self, count: int) -> str:
        """Write the inventory of `count` photos to the bucket and return its URI."""
        key = f"inventories/{count}.parquet"
        obstore.put(self.store, key, self.inventory_file(count).read_bytes())
        return f"s3://{BUCKET}/{key}"

    def inventory_file(self, count: int) -> Path:
        """Write the inventory of `count` photos to a file and return its path."""
        path = self.files.parent / "inventories" / f"{count}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()
        pq.write_table(self.listing.take(subset(self.photos, count)), content)
        path.write_bytes(content.getvalue())
        return path

    def empty(self, prefix: str) -> None:
        """Delete all objects below `prefix`."""
        local_stack.empty(self.store, prefix)


def subset(photos: int, count: int) -> list[int]:
    """Return the rows of `count` of `photos` photos: spread evenly, and a subset of the rows of any larger count.

    The rows have one fixed order, and the result holds the first `count` of it, sorted. The order is that of the row
    numbers with their bits reversed (van der Corput), so that every beginning of it covers the whole range evenly.

    >>> subset(16, 4)
    [0, 4, 8, 12]
    >>> subset(16, 6)
    [0, 2, 4, 8, 10, 12]
    """
    bits = max(photos - 1, 1).bit_length()
    order = sorted(range(photos), key=lambda row: int(f"{row:0{bits}b}"[::-1], 2))
    return sorted(order[:count])


@contextlib.contextmanager
def photo_bucket(images: Path = PHOTOS, limit: int | None = None) -> Iterator[PhotoBucket]:
    """Run local AWS with the photos in `s3://verger-bench/images/` while the body runs.

    Photos that an earlier benchmark uploaded are not uploaded again.
    """
    album = Album(images, limit)
    files = FOLDER / "photos" / album.name
    with local_stack.local_stack() as stack:
        store = local_stack.open_bucket(stack, BUCKET)
        synchronise(store, PREFIX, album)
        unpack(album, files / PREFIX)
        yield PhotoBucket(stack, store, files, list_photos(store))


def unpack(album: Album, folder: Path) -> None:
    """Write the files of an album below `folder`, unless an earlier call completed it."""
    complete = folder.parent / "complete"
    if complete.exists():
        return
    for name, content in album.files():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    complete.touch()


def list_photos(store: S3Store, prefix: str = PREFIX) -> pa.Table:
    """Return path, etag and size of all photos below a prefix, sorted by path."""
    rows = [
        {"path": item["path"], "etag": (item["e_tag"] or "").strip('"'), "size": item["size"]}
        for batch in obstore.list(store, prefix)
        for item in batch
    ]
    return pa.Table.from_pylist(rows, schema=INVENTORY).sort_by("path")
