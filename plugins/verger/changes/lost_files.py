"""Finds files of published tables that are lost or damaged, and the photos whose features are not in the other files.

The next run featurizes the photos of a lost file again. The file list of a feature run says which files it must have.
The manifest says which feature run holds a photo, but not in which file. So the paths in the other files are read:
every other photo of the feature run is lost.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from verger.publication.model import Snapshot
from verger.tables import file_list
from verger.tables.external_sort import Row, outer_join
from verger.tables.parquet import Store, TableError
from verger_contract.keys import FEATURES, Run
from verger_contract.metrics import FILE_LIST, ListedFile, parse_list

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)


def find(s3: S3Client, bucket: str, prefixes: Iterable[str], verified: Mapping[str, str] | None = None) -> list[str]:
    """Return the keys of lost and damaged files of tables. Return the prefix of a table that is lost as a whole.

    `verified` has the SHA-256 of the file list of each table, by prefix, where it is known.

    Names and sizes are compared with the file list. A file with another ETag is read, and its SHA-256 compared: a copy
    of the bucket has other ETags. A table is lost as a whole if none of its files is left, or if its file list is
    malformed, or not the one that was verified: then nothing proves which files it had. Of a table without a file list,
    which an earlier Verger wrote, single files are not found.
    """
    lost = []
    for prefix in prefixes:
        found = file_list.stored(s3, bucket, prefix)
        try:
            listed = file_list.read(s3, bucket, prefix, (verified or {}).get(prefix))
        except TableError as error:
            log.warning("%s", error)
            lost.append(prefix)
            continue
        if listed is None:
            lost += [] if found else [prefix]
            continue
        there = [replace(file, etag=None) for file in found]
        problems = file_list.differences(listed, there).keys()
        others = file_list.differences(listed, found).keys() - problems
        lost += [
            f"{prefix}{file.name}"
            for file in listed
            if file.name in problems or (file.name in others and not _is_same(s3, bucket, prefix, file))
        ]
    return lost


def _is_same(s3: S3Client, bucket: str, prefix: str, file: ListedFile) -> bool:
    digest = hashlib.sha256()
    for chunk in s3.get_object(Bucket=bucket, Key=f"{prefix}{file.name}")["Body"].iter_chunks(1 << 20):
        digest.update(chunk)
    return digest.hexdigest() == file.sha256


def of_features(bucket: str, published: Snapshot | None) -> list[str]:
    """Return the prefixes of the feature runs of a snapshot."""
    return [Run(bucket, features.run).features for features in published.features] if published else []


def runs_of(lost: Iterable[str]) -> frozenset[str]:
    """Return the feature runs that have a lost file.

    Examples
    --------
    >>> sorted(runs_of(["features/run=A~0a1b2c3d/part-00001.parquet", "features/run=B/"]))
    ['A~0a1b2c3d', 'B']
    """
    return frozenset(key.removeprefix(FEATURES).partition("/")[0] for key in lost)


def reasons(lost: Sequence[str]) -> list[str]:
    """Return the reason that a run has work because of lost files, in words; empty when there are none.

    Examples
    --------
    >>> reasons(["features/run=A/part-00001.parquet"])
    ['lost or damaged files: features/run=A/part-00001.parquet']
    """
    return [f"lost or damaged files: {', '.join(lost[:3])}{' and others' if len(lost) > 3 else ''}"] if lost else []


def rows_left(store: Store, lost: Sequence[str]) -> Iterator[Row]:
    """Yield path and feature run of every row in the other files of feature runs that have a lost file.

    The columns are those of `verger_contract.schemas.DELETES`. The order is that of the files.
    """
    for run in sorted(runs_of(lost)):
        prefix = Run(store.bucket, run).features
        if prefix in lost:
            continue
        for file in parse_list(json.loads(store.read(f"{prefix}{FILE_LIST}"))):
            if f"{prefix}{file.name}" not in lost:
                yield from ((path, run) for path in store.column(f"{prefix}{file.name}", "path"))


def without_lost(manifest: Iterable[Row], left: Iterable[Row], lost: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of a manifest. A photo whose features are lost has neither a feature run nor a kind of reject.

    Parameters
    ----------
    manifest
        Rows by path (see `verger_contract.schemas.MANIFEST`).
    left
        The result of `rows_left`, by path.
    lost
        Keys of the lost files.
    """
    runs = runs_of(lost)
    by_path = ((path, {row[1] for row in rows}) for path, rows in itertools.groupby(left, key=lambda row: row[0]))
    for row, there in outer_join(manifest, by_path):
        if row is None:
            continue
        path, etag, run, kind, reason = row
        is_lost = run in runs and (there is None or run not in there[1])
        yield (path, etag, None if is_lost else run, kind, reason)
