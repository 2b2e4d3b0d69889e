"""Saves and loads the statistics of a publication: sums over all its photos, which the next run updates.

| file | content |
| --- | --- |
| moments.bin | count, sum and Gram matrix of the features (`Moments.pack`) |
| labels.parquet | for each label, sums of the coordinates (`verger_contract.schemas.LABEL_SUMS`) |
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from verger_contract.errors import VergerError, one_line
from verger_contract.schemas import LABEL_SUMS
from verger_spark.io import storage
from verger_spark.pca.sums.covariance import Moments
from verger_spark.pca.sums.label_sums import LabelSums

MOMENTS, LABELS = "moments.bin", "labels.parquet"


@dataclass(frozen=True)
class Statistics:
    """Sums over all current photos.

    Attributes
    ----------
    moments : Moments
        Of the features.
    labels : LabelSums
        Of the coordinates.
    """

    moments: Moments
    labels: LabelSums


def save(statistics: Statistics, uri: str) -> None:
    """Write the statistics to the folder `uri`."""
    folder = uri.rstrip("/")
    storage.write(f"{folder}/{MOMENTS}", statistics.moments.pack())
    buffer = io.BytesIO()
    pq.write_table(statistics.labels.table(), buffer)
    storage.write(f"{folder}/{LABELS}", buffer.getvalue())


def load(uri: str) -> Statistics:
    """Return the statistics that `save` wrote to the folder `uri`.

    Raises
    ------
    VergerError
        They are missing or damaged.
    """
    folder = uri.rstrip("/")
    try:
        moments = Moments.merged([storage.read(f"{folder}/{MOMENTS}")])
        labels = pq.read_table(pa.BufferReader(storage.read(f"{folder}/{LABELS}")), columns=[*LABEL_SUMS.names])
        found = Statistics(moments, LabelSums.of([labels]))
    except (VergerError, ValueError, KeyError, OSError, pa.ArrowException) as error:
        raise VergerError(
            f"{folder}: expected the statistics of the publication ({MOMENTS}, {LABELS}), found {one_line(error)}; "
            "start a new run of the DAG, which reads all features and writes them again"
        ) from None
    if found.labels.photos != found.moments.count:
        raise VergerError(
            f"{folder}: expected the same photos in {MOMENTS} and {LABELS}, found {found.moments.count:,} and "
            f"{found.labels.photos:,}; start a new run of the DAG, which reads all features and writes them again"
        )
    return found
