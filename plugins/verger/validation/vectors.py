"""Reads a table of vectors once: fingerprints, widths, finite numbers, labels, variance, and a sample."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from verger.validation.fingerprint import EXAMPLES, Fingerprint, digest
from verger.validation.spread import Spread

if TYPE_CHECKING:
    import numpy
    import pyarrow


@dataclass
class Sample:
    """The `size` photos with the smallest hash of their path: the same photos in any table and any order of rows."""

    size: int
    rows: list[tuple[int, str, str, Any]] = field(default_factory=list)
    bound: int | None = None

    def offer(self, hashed: int, path: str, label: str, vector: numpy.ndarray) -> None:
        """Add a photo, unless its hash is too large."""
        if self.bound is not None and hashed > self.bound:
            return
        self.rows.append((hashed, path, label, vector.astype("float64")))
        if len(self.rows) >= 2 * self.size:
            self._cut()

    def _cut(self) -> None:
        self.rows.sort(key=lambda row: row[0])
        del self.rows[self.size :]
        self.bound = self.rows[-1][0]

    def chosen(self) -> list[tuple[int, str, str, Any]]:
        """Return the rows (hash, path, label, vector) in order of hashes. Vectors are float64."""
        return sorted(self.rows, key=lambda row: row[0])[: self.size]


@dataclass
class Vectors:
    """The results of reading a table.

    Attributes
    ----------
    width : int
        The expected width.
    sample : Sample
    rows : int
    paths, versions : Fingerprint
        Of the paths, and of paths with ETags or feature runs.
    widths : dict of int to int
        The number of rows by width.
    infinite_count, mislabelled_count : int
        Rows with a number that is not finite, and rows whose label is not the folder of the photo.
    infinite, mislabelled : list of str
        At most ten examples of each.
    spread : Spread
    """

    width: int
    sample: Sample
    rows: int = 0
    paths: Fingerprint = field(default_factory=Fingerprint)
    versions: Fingerprint = field(default_factory=Fingerprint)
    widths: dict[int, int] = field(default_factory=dict)
    infinite_count: int = 0
    infinite: list[str] = field(default_factory=list)
    mislabelled_count: int = 0
    mislabelled: list[str] = field(default_factory=list)
    spread: Spread = field(default_factory=Spread)


def folder(path: str) -> str:
    """Return the folder of a photo, which is its label.

    This is independent of `verger_contract.photos.label_of`, by which step 1 sets the label.
    """
    return path.split("/")[-2] if "/" in path else ""


def version_key(path: str, etag: str) -> str:
    """Return path and ETag, or path and feature run, as one key."""
    return f"{path}\0{etag}"


def matrix(column: pyarrow.ListArray, width: int) -> numpy.ndarray:
    """Return the finite vectors of that width of a column, float64, shape (rows, width)."""
    import numpy
    from pyarrow import compute

    right = compute.equal(compute.list_value_length(column), width)
    block = compute.list_flatten(column.filter(right)).to_numpy(zero_copy_only=False).reshape(-1, width)
    finite: numpy.ndarray = block[numpy.isfinite(block).all(axis=1)].astype(numpy.float64)
    return finite


def columns(column: str, version: str) -> list[str]:
    """Return the columns that `read` needs of a table with vectors in `column`, and versions in another column."""
    return ["path", "label", version, column]


def read(
    batches: Iterable[pyarrow.RecordBatch],
    column: str,
    width: int,
    sample_size: int,
    version: str,
    *,
    into: Vectors | None = None,
    spread: bool = True,
) -> Vectors:
    """Read a table of vectors.

    Parameters
    ----------
    batches
        Batches with the columns of `columns`.
    column
        The column of the vectors.
    width
        The expected width.
    sample_size
        The number of photos in the sample.
    version
        The column that is compared together with the path: `etag`, or `features_run`.
    into
        Earlier results, to which the rows are added.
    spread
        Whether the variance of the rows is measured.
    """
    found = into or Vectors(width, Sample(sample_size))
    for batch in batches:
        if len(batch):
            _read_batch(batch, column, version, found, spread=spread)
    return found


def _read_batch(batch: pyarrow.RecordBatch, column: str, version: str, found: Vectors, *, spread: bool) -> None:
    import numpy
    from pyarrow import compute

    vectors = batch.column(column)
    widths = compute.fill_null(compute.list_value_length(vectors), -1).to_numpy(zero_copy_only=False)
    for width, count in zip(*numpy.unique(widths, return_counts=True), strict=True):
        found.widths[int(width)] = found.widths.get(int(width), 0) + int(count)
    right = widths == found.width
    block = compute.list_flatten(vectors.filter(right)).to_numpy(zero_copy_only=False)
    block = block.reshape(-1, found.width) if found.width else block.reshape(0, 0)
    finite = numpy.isfinite(block).all(axis=1)
    if spread:
        found.spread.add(block[finite].astype(numpy.float64))
    position = numpy.cumsum(right) - 1
    usable = right.copy()
    usable[right] = finite

    paths, labels = batch.column("path").to_pylist(), batch.column("label").to_pylist()
    for row, (path, label) in enumerate(zip(paths, labels, strict=True)):
        hashed = digest(path)
        found.paths.add(hashed)
        if label != folder(path):
            found.mislabelled_count += 1
            _note(found.mislabelled, f"{path} labelled {label}")
        if usable[row]:
            found.sample.offer(hashed, path, label, block[position[row]])
        elif right[row]:
            found.infinite_count += 1
            _note(found.infinite, path)
    for path, value in zip(paths, batch.column(version).to_pylist(), strict=True):
        found.versions.add(digest(version_key(path, value)))
    found.rows += len(paths)


def _note(examples: list[str], text: str) -> None:
    if len(examples) < EXAMPLES:
        examples.append(text)
