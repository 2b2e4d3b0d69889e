"""Requests to S3 in a run: their number follows from the files that the steps read and write."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.planning.fleet import Figures, Measured
from verger_spark.features.splits import Splits, Weights
from verger_spark.io.feature_files import FETCHED_ROWS, FeatureFile, FeatureFiles
from verger_spark.io.storage import PART_BYTES

KEYS_A_PAGE = 1000
"""Keys in the response of one LIST."""

OPENED = 2
"""GETs before a row of a file is read: the size of the file, and the position of its columns."""

STEP_PASSES = 2
"""How often step 2 reads all features, FETCHED_ROWS at a time: to sum them up, then to project them."""

INVENTORY_READS = 3
"""GETs of the inventory for each split: its size, and the two row groups that can hold the rows of the split."""

Rows = Sequence[int]
"""Rows of each file of a table."""


@dataclass(frozen=True)
class Requests:
    """Requests to S3 in a run: GETs, and PUTs, POSTs and LISTs, which have one price."""

    gets: int
    puts_lists: int

    def eur(self, figures: Figures) -> float:
        """Return the price in EUR."""
        usd = self.gets * figures["S3 GET"] + self.puts_lists * figures["S3 PUT, LIST"]
        return usd / 1000 * figures["EUR"]


def splits(photos: int, vcpus: int) -> Rows:
    """Return the photos in each split of step 1: a Spark task for each, which writes a file of features."""
    found = Splits.of(Weights.equal(photos), vcpus)
    return [found.rows(number).row_count for number in range(len(found))]


def groups(measured: Measured, features: Rows, vcpus: int) -> Rows:
    """Return the rows of each task of step 2, which reads some files of features and writes one of coordinates.

    Parameters
    ----------
    measured : Measured
        Measured figures.
    features : sequence of int
        Rows of each file of features.
    vcpus : int
        vCPUs of the cluster.
    """
    named = {str(number): rows for number, rows in enumerate(features)}
    files = tuple(FeatureFile(name, "", round(rows * measured.features_bytes)) for name, rows in named.items())
    return [sum(named[file.uri] for file in group) for group in FeatureFiles(files).groups(vcpus)]


def requests(measured: Measured, new: int, photos: int, vcpus: int) -> Requests:
    """Return the requests of a run that featurizes `new` of `photos` photos.

    An earlier run featurized all other photos. Requests whose number hardly grows with the photos are not counted:
    those for the plan, the metrics, the markers, the basis and the drift.
    """
    written, kept = splits(new, vcpus), splits(photos - new, vcpus) if photos > new else []
    projected = groups(measured, [*written, *kept], vcpus)
    of_inventory = INVENTORY_READS * len(written)
    in_step = sum(STEP_PASSES * (OPENED + math.ceil(rows / FETCHED_ROWS)) for rows in [*written, *kept])
    # check_features reads the new features, check_projections all features and coordinates. Both read whole files.
    by_checks = (OPENED + 1) * (2 * len(written) + len(kept) + len(projected))
    sent = [rows * measured.features_bytes for rows in written] + [rows * measured.pca_bytes for rows in projected]
    return Requests(
        gets=new + of_inventory + in_step + by_checks,
        puts_lists=math.ceil(photos / KEYS_A_PAGE) + sum(map(puts, sent)),
    )


def puts(size: float) -> int:
    """Return the requests of the upload of a file of `size` bytes.

    It is one request up to the size of a part, and above it the start, the parts and the end of a multipart upload.
    """
    return 1 if size <= PART_BYTES else 2 + math.ceil(size / PART_BYTES)
