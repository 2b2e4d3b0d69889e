"""Reads rows of the manifests, which hold every photo, in batches.

Memory grows with the number of rows in later parts of a manifest, but not with the number of photos.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from verger.publication.model import Snapshot
from verger.s3 import clients
from verger_contract.errors import one_line
from verger_contract.keys import manifest_keys, uri
from verger_contract.schemas import MANIFEST
from verger_ui.sources.bucket import Bucket, UnreadableError

if TYPE_CHECKING:
    import pyarrow
    from pyarrow.fs import FileSystem


class MissingManifestError(UnreadableError):
    """A part of a manifest is missing: vacuum deletes it when no kept publication names it."""


ROWS = 131_072
"""Rows of a batch: 20 MB of keys."""
LONGEST_QUERY = 200
"""Characters of a search."""


@dataclass(frozen=True)
class Photo:
    """A row of a manifest.

    Attributes
    ----------
    path, etag : str
    run : str
        The folder of features that holds its vector; empty for a reject.
    kind, reason : str
        Of a reject; empty for a photo with a vector.
    """

    path: str
    etag: str
    run: str
    kind: str
    reason: str

    @property
    def rejected(self) -> bool:
        """Whether the photo has no vector."""
        return not self.run


def search(bucket: Bucket, snapshot: Snapshot, part: str, most: int) -> tuple[list[Photo], int]:
    """Return `most` photos of a snapshot whose key contains a text, by key, and the number of all.

    Upper and lower case are the same. The rows of these photos alone become Python objects.
    """
    from pyarrow import compute

    found: list[str] = []
    total = 0
    for batch in _rows(bucket, snapshot, ("path",)):
        matches = compute.match_substring(batch.column("path"), part, ignore_case=True)
        total += compute.sum(matches).as_py() or 0
        if len(found) < most:
            found += batch.filter(matches).column("path").to_pylist()[: most - len(found)]
    return with_facts(bucket, snapshot, found), total


def with_facts(bucket: Bucket, snapshot: Snapshot, paths: Sequence[str]) -> list[Photo]:
    """Return the photos of a snapshot that have one of the keys, by key. Reads only row groups that may hold them."""
    if not paths:
        return []
    import pyarrow
    from pyarrow import compute

    wanted = pyarrow.array(paths, pyarrow.string())
    found: list[Photo] = []
    for batch in _rows(bucket, snapshot, MANIFEST.names, (min(paths), max(paths))):
        found += _photos(batch.filter(compute.is_in(batch.column("path"), wanted)))
    return sorted(found, key=lambda photo: photo.path)


def rejects(bucket: Bucket, snapshot: Snapshot) -> list[Photo]:
    """Return the rejected photos of a snapshot, by key."""
    from pyarrow import compute

    found: list[Photo] = []
    for batch in _rows(bucket, snapshot, MANIFEST.names):
        found += _photos(batch.filter(compute.is_valid(batch.column("kind"))))
    return sorted(found, key=lambda photo: photo.path)


def _rows(
    bucket: Bucket, snapshot: Snapshot, columns: Sequence[str], span: tuple[str, str] | None = None
) -> Iterator[pyarrow.RecordBatch]:
    """Yield columns of the photos of a snapshot in batches. A row of a later part replaces that of an earlier one.

    With a span, only row groups are read that may hold a path of it.
    """
    import pyarrow
    from pyarrow import compute

    keys = manifest_keys(bucket.name, [part.run for part in snapshot.manifest])
    later = pyarrow.array([], pyarrow.string())
    for key in reversed(keys):
        paths = [later]
        # The row of a photo that is no longer listed has only a path. The first part has no such row.
        wanted = columns if key == keys[0] or "etag" in columns else (*columns, "etag")
        for batch in _batches(bucket, key, wanted, span):
            path = batch.column("path")
            rows = batch.filter(compute.invert(compute.is_in(path, later))) if len(later) else batch
            yield rows if key == keys[0] else rows.filter(compute.is_valid(rows.column("etag")))
            if key != keys[0]:
                paths.append(path)
        later = pyarrow.concat_arrays(paths)


def _batches(
    bucket: Bucket, key: str, columns: Sequence[str], span: tuple[str, str] | None
) -> Iterator[pyarrow.RecordBatch]:
    import pyarrow.parquet

    with _opened(bucket, key) as (files, path), files.open_input_file(path) as source:
        file = pyarrow.parquet.ParquetFile(source)
        for group in range(file.num_row_groups):  # pyarrow keeps the bytes of everything that one call reads
            if span is None or _may_hold(file.metadata.row_group(group).column(0).statistics, span):
                yield from file.iter_batches(ROWS, row_groups=[group], columns=[*columns])


def _may_hold(statistics: Any, span: tuple[str, str]) -> bool:
    if statistics is None or not statistics.has_min_max:
        return True
    return bool(statistics.min <= span[1] and span[0] <= statistics.max)


@contextmanager
def _opened(bucket: Bucket, key: str) -> Iterator[tuple[FileSystem, str]]:
    """Return file system and path of a file of a manifest.

    Raises
    ------
    MissingManifestError
    UnreadableError
        The file is no complete Parquet file with the columns of a manifest.
    """
    import pyarrow

    try:
        with bucket.request():
            yield clients.filesystem(bucket.client), f"{bucket.name}/{key}"
    except FileNotFoundError as error:
        raise MissingManifestError(f"{uri(bucket.name, key)}: expected a part of the manifest, found none") from error
    except (pyarrow.ArrowException, KeyError) as error:
        raise UnreadableError(f"{uri(bucket.name, key)}: not what Verger writes ({one_line(error)})") from error


def _photos(rows: Any) -> Iterator[Photo]:
    columns = (rows.column(name).to_pylist() for name in MANIFEST.names)
    return (Photo(*(value or "" for value in row)) for row in zip(*columns, strict=True))
