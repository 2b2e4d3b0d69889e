"""Reads the suspects of a publication, and the sample of photos with which photos were compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from verger.publication.model import Snapshot
from verger.report.suspects.table import Suspects
from verger.s3 import clients
from verger_contract.errors import one_line
from verger_contract.keys import REFERENCE_FILE, SUSPECTS_FILE, Run, uri
from verger_ui.sources.bucket import Bucket, UnreadableError
from verger_ui.sources.ttl_cache import TtlCache

if TYPE_CHECKING:
    import numpy
    import pyarrow

SECONDS = 600
"""The files of a run do not change."""

_suspects: TtlCache[Suspects] = TtlCache(4, SECONDS)
_references: TtlCache[Sample] = TtlCache(1, SECONDS)
"""A sample takes up to 31 MB."""


@dataclass(frozen=True)
class Neighbour:
    """A photo near another one, and their distance."""

    path: str
    label: str
    distance: float


@dataclass(frozen=True)
class Sample:
    """The sample: columns `path` and `label`, and the coordinates, float32, shape (photos, k)."""

    photos: pyarrow.Table
    coordinates: numpy.ndarray

    def neighbours(self, path: str, count: int) -> list[Neighbour] | None:
        """Return the photos nearest to one of the sample; None when it is not in the sample."""
        import numpy
        from pyarrow import compute

        place = compute.index(self.photos["path"], path).as_py()
        if place < 0:
            return None
        distances = numpy.linalg.norm(self.coordinates - self.coordinates[place], axis=1)
        distances[place] = numpy.inf
        nearest = numpy.argsort(distances, kind="stable")[: min(count, len(distances) - 1)]
        rows = self.photos.take(nearest).to_pylist()
        return [
            Neighbour(row["path"], row["label"], float(distances[at])) for row, at in zip(rows, nearest, strict=True)
        ]


def _run(bucket: Bucket, snapshot: Snapshot) -> Run:
    return Run(bucket.name, str(snapshot.run), pca_attempt=snapshot.pca_attempt)


def suspects(bucket: Bucket, snapshot: Snapshot) -> Suspects | None:
    """Return the suspects of a snapshot; None when it has no table of suspects: an earlier Verger published it.

    Raises
    ------
    UnreadableError
        The object is no table of suspects.
    """
    import pyarrow
    import pyarrow.parquet

    key = f"{_run(bucket, snapshot).suspects}{SUSPECTS_FILE}"
    found = _suspects.get(uri(bucket.name, key))
    if found is None:
        content = bucket.body(key)
        if content is None:
            return None
        try:
            found = Suspects.of(pyarrow.parquet.read_table(pyarrow.BufferReader(content)))
        except (pyarrow.ArrowException, KeyError, TypeError) as error:
            raise _not_ours(bucket, key, error) from error
        _suspects.put(uri(bucket.name, key), found)
    return found


def sample(bucket: Bucket, snapshot: Snapshot) -> Sample | None:
    """Return the sample of a snapshot; None when it has none.

    Raises
    ------
    UnreadableError
        The object is no such sample.
    """
    import pyarrow
    import pyarrow.parquet

    key = f"{_run(bucket, snapshot).suspects}{REFERENCE_FILE}"
    found = _references.get(uri(bucket.name, key))
    if found is None:
        try:
            with bucket.request():
                files = clients.filesystem(bucket.client)
                with files.open_input_stream(f"{bucket.name}/{key}") as source:  # larger than what `body` returns
                    content = source.read()
            table = pyarrow.parquet.read_table(pyarrow.BufferReader(content))
            found = _sample(table)
        except FileNotFoundError:
            return None
        except (pyarrow.ArrowException, KeyError, ValueError) as error:
            raise _not_ours(bucket, key, error) from error
        _references.put(uri(bucket.name, key), found)
    return found


def _sample(table: Any) -> Sample:
    import numpy

    flat = numpy.frombuffer(b"".join(table.column("coordinates").to_pylist()), "<f4")
    width = len(flat) // max(len(table), 1)
    return Sample(table.select(["path", "label"]), flat.reshape(len(table), width))


def _not_ours(bucket: Bucket, key: str, error: Exception) -> UnreadableError:
    return UnreadableError(f"{uri(bucket.name, key)}: not what Verger writes ({one_line(error)})")
