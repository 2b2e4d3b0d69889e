"""Reads the statistics and the basis of a snapshot, and marks the snapshot when they are lost or damaged.

The next run makes new ones: a full pass over all photos gives statistics, and a fit gives a basis.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from verger.publication.model import Snapshot
from verger.s3 import bodies
from verger.s3.clients import read_json
from verger.s3.errors import UnavailableError
from verger.tables import file_list
from verger.tables.parquet import TableError
from verger_contract import pca_model
from verger_contract.errors import one_line
from verger_contract.keys import Run, uri
from verger_contract.schemas import FEATURES_WIDTH

if TYPE_CHECKING:
    import pyarrow
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)


def usable(s3: S3Client, bucket: str, snapshot: Snapshot) -> Snapshot:
    """Return the snapshot without a basis or statistics that cannot be used.

    Its `basis` is None if the basis is lost or damaged: the next run fits one. Its `since_full_pass` is None if the
    statistics are: the next run makes a full pass.
    """
    run = Run(bucket, str(snapshot.run), pca_attempt=snapshot.pca_attempt)
    if snapshot.basis is not None:
        basis, k = Run(bucket, snapshot.basis).basis, snapshot.k
        if not _is_intact(s3, uri(bucket, basis), lambda: _check_basis(s3, bucket, basis, k)):
            snapshot = replace(snapshot, basis=None)
    if snapshot.since_full_pass is not None:
        photos = snapshot.photos
        if not _is_intact(s3, uri(bucket, run.statistics), lambda: _check_statistics(s3, run, photos)):
            snapshot = replace(snapshot, since_full_pass=None)
    return snapshot


def _is_intact(s3: S3Client, name: str, check: Callable[[], None]) -> bool:
    """Whether a check passes. An error of S3 other than a missing object is no damage, and is raised."""
    import pyarrow

    damage = (TableError, ValueError, LookupError, TypeError, AttributeError, OSError, pyarrow.ArrowException)
    try:
        check()
    except UnavailableError:
        raise
    except (s3.exceptions.NoSuchKey, *damage) as error:
        log.warning("%s: lost or damaged (%s); the next run with work makes it again", name, one_line(error))
        return False
    return True


def _check_basis(s3: S3Client, bucket: str, prefix: str, k: int) -> None:
    import numpy

    if read_json(s3, bucket, f"{prefix}spectrum.json")["k"] != k:
        raise ValueError(f"expected {k} components in spectrum.json")
    data = f"{prefix}data/"
    listed, found = file_list.read(s3, bucket, data), file_list.stored(s3, bucket, data)
    if listed is not None and (problems := file_list.differences(listed, [replace(file, etag=None) for file in found])):
        raise ValueError(file_list.in_words(problems))
    names = [file.name for file in (found if listed is None else listed)]
    row = _table(s3, bucket, f"{data}{names[0]}").slice(0, 1)
    components = pca_model.components(row[pca_model.COMPONENTS].combine_chunks()[0])
    if components.shape != (FEATURES_WIDTH, k) or not numpy.isfinite(components).all():
        raise ValueError(
            f"expected {k} components of {FEATURES_WIDTH} finite numbers, found a matrix of shape {components.shape}"
        )


def _check_statistics(s3: S3Client, run: Run, photos: int) -> None:
    """Compare the counts of both files with the publication. moments.bin has its width, which gives its size."""
    import numpy

    packed = bodies.content(s3, run.bucket, run.moments).body
    count, width = (int(number) for number in numpy.frombuffer(packed, numpy.int64, 2))
    numbers = 2 + width + width * (width + 1) // 2
    if len(packed) != 8 * numbers or not numpy.isfinite(numpy.frombuffer(packed, numpy.float64, -1, 16)).all():
        raise ValueError(f"expected {numbers} finite numbers in moments.bin, found {len(packed):,} bytes")
    counted = sum(_table(s3, run.bucket, run.label_sums)["photos"].to_pylist())
    if not count == counted == photos:
        raise ValueError(f"expected {photos:,} photos, found {count:,} in moments.bin, {counted:,} in labels.parquet")


def _table(s3: S3Client, bucket: str, key: str) -> pyarrow.Table:
    import pyarrow
    import pyarrow.parquet

    return pyarrow.parquet.read_table(pyarrow.BufferReader(bodies.content(s3, bucket, key).body))
