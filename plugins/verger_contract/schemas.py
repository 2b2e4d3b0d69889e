"""The columns of every Parquet table that Verger writes.

This module imports pyarrow only when a schema is built, because Airflow parses DAGs often.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow

FEATURES_WIDTH = 1280
"""Features of a photo: the channels of the last convolution of MobileNetV2, averaged over the image."""


@dataclass(frozen=True)
class Table:
    """The columns of a table, in order.

    Attributes
    ----------
    columns : tuple of (str, str)
        Name and type of each column. Types are written as in Spark SQL: string, bigint, double, binary,
        array<string>, array<float>, array<double>.
    """

    columns: tuple[tuple[str, str], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(name for name, _ in self.columns)

    @property
    def ddl(self) -> str:
        """The schema as Spark reads it.

        Examples
        --------
        >>> DELETES.ddl
        'path string, run string'
        """
        return ", ".join(f"{name} {kind}" for name, kind in self.columns)

    @cached_property
    def arrow(self) -> pyarrow.Schema:
        """The schema as pyarrow reads it."""
        import pyarrow

        types = {
            "string": pyarrow.string(),
            "bigint": pyarrow.int64(),
            "double": pyarrow.float64(),
            "binary": pyarrow.binary(),
            "array<string>": pyarrow.list_(pyarrow.string()),
            "array<float>": pyarrow.list_(pyarrow.float32()),
            "array<double>": pyarrow.list_(pyarrow.float64()),
        }
        return pyarrow.schema([(name, types[kind]) for name, kind in self.columns])


INVENTORY = Table((("path", "string"), ("etag", "string"), ("size", "bigint")))
"""runs/<id>/inventory.parquet and work.parquet: photos by path; `size` in bytes."""

MANIFEST = Table((("path", "string"), ("etag", "string"), ("run", "string"), ("kind", "string"), ("reason", "string")))
"""runs/<id>/manifest.parquet: every listed photo by path, with the feature run that holds its features (`run`), or with
the reject's kind and reason.

manifest_delta.parquet: the rows that differ from the manifest of earlier runs. The row of a photo that is no longer
listed has only a path."""

DELETED = Table((("path", "string"),))
"""runs/<id>/deleted.parquet: the published photos that are no longer listed, by path."""

DELETES = Table((("path", "string"), ("run", "string")))
"""runs/<id>/deletes.parquet and compacted_deletes.parquet: the deleted rows of feature runs. runs/<id>/removed.parquet:
those that the run itself deletes."""

FEATURES = Table((("path", "string"), ("label", "string"), ("etag", "string"), ("features", "array<float>")))
"""features/run=<id>/: one row for each featurized photo."""

REJECTS = Table((("path", "string"), ("etag", "string"), ("kind", "string"), ("reason", "string")))
"""rejects/run=<id>/: one row for each photo without features."""

PCA = Table((("path", "string"), ("label", "string"), ("features_run", "string"), ("pca_features", "array<double>")))
"""pca/run=<id>/: coordinates, with the feature run that they were computed from (`features_run`). A row is current if
this feature run is in the snapshot, and the table of deleted rows does not have (path, features_run)."""

LABEL_SUMS = Table((("label", "string"), ("photos", "bigint"), ("total", "array<double>"), ("squares", "double")))
"""runs/<id>/statistics/labels.parquet: for each label the number of current photos, the sum of their coordinates, and
the sum of the squared lengths of their coordinates."""

DRIFT = Table(
    (
        ("label", "string"),
        ("photos", "bigint"),
        ("new", "bigint"),
        ("distance", "double"),
        ("spread", "double"),
        ("ratio", "double"),
    )
)
"""runs/<id>/drift/: how far the new photos of a label lie from its earlier ones. `photos` counts the earlier photos
of the label, `new` its new ones."""


class SuspectKind(StrEnum):
    """The column `kind` of `SUSPECTS`: why a photo is a suspect. The order is that of the table."""

    LABEL_DISAGREES = "label disagrees with neighbours"
    OUTLIER = "outlier of its label"
    NEAR_DUPLICATE = "near duplicate"


MOST_SUSPECTS = 1000
"""Suspects of each kind in the table: those with the highest scores."""

SUSPECTS = Table(
    (
        ("path", "string"),
        ("label", "string"),
        ("kind", "string"),
        ("score", "double"),
        ("neighbours", "array<string>"),
        ("neighbour_labels", "array<string>"),
        ("distances", "array<double>"),
        ("run", "string"),
    )
)
"""runs/<id>/suspects~<attempt>/suspects.parquet: photos to look at, by kind (see `SuspectKind`) and score.

The score is, for a label that disagrees with the neighbours, the share of their votes for other labels, 0 to 1; for an
outlier, how many times the typical distance of its label it lies away; for a near duplicate, 1 less its distance to
the other photo as a share of the spread of all photos. `neighbours` has the paths of the nearest photos; for a near
duplicate, those of its copies. `run` is the run that found the suspect."""

REFERENCE = Table((("path", "string"), ("label", "string"), ("coordinates", "binary")))
"""runs/<id>/suspects~<attempt>/reference.parquet: a sample of the current photos with their first coordinates. The next
run compares its photos with it. `coordinates` has little-endian numbers of 4 bytes: Parquet reads lists far slower."""
