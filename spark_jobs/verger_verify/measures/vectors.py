"""Reads rows of vectors once: fingerprints, widths, finite numbers, labels, variance, samples, and signed sums."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from verger_contract.photos import digest, folder_of
from verger_verify.measures.fingerprint import EXAMPLES, Fingerprint
from verger_verify.measures.sample import Sample
from verger_verify.measures.spread import Spread

if TYPE_CHECKING:
    import numpy
    import pyarrow

SIGNS = 32
"""Signed sums of the vectors. A wrong row changes each of them with a probability of one half."""

SIGN_SHIFT = 64
"""The signs of a photo are bits of the hash of its path that neither the fingerprint nor the sample uses first."""


@dataclass
class Vectors:
    """The results of reading rows.

    Attributes
    ----------
    width : int
        The expected width.
    sample, again : Sample
        Photos whose neighbours are checked, and photos whose features are computed again.
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
    signed : ndarray of float64, shape (SIGNS, width), or 0.0 without rows
        Sums of the vectors, each with a sign +1 or -1 that the path of the photo determines.
    """

    width: int
    sample: Sample
    again: Sample
    rows: int = 0
    paths: Fingerprint = field(default_factory=Fingerprint)
    versions: Fingerprint = field(default_factory=Fingerprint)
    widths: dict[int, int] = field(default_factory=dict)
    infinite_count: int = 0
    infinite: list[str] = field(default_factory=list)
    mislabelled_count: int = 0
    mislabelled: list[str] = field(default_factory=list)
    spread: Spread = field(default_factory=Spread)
    signed: Any = 0.0

    def plus(self, other: Vectors) -> Vectors:
        """Return the results of the rows of both."""
        widths = {width: self.widths.get(width, 0) + other.widths.get(width, 0) for width in self.widths | other.widths}
        return Vectors(
            width=self.width,
            sample=self.sample.plus(other.sample),
            again=self.again.plus(other.again),
            rows=self.rows + other.rows,
            paths=self.paths.plus(other.paths),
            versions=self.versions.plus(other.versions),
            widths=widths,
            infinite_count=self.infinite_count + other.infinite_count,
            infinite=[*self.infinite, *other.infinite][:EXAMPLES],
            mislabelled_count=self.mislabelled_count + other.mislabelled_count,
            mislabelled=[*self.mislabelled, *other.mislabelled][:EXAMPLES],
            spread=self.spread.plus(other.spread),
            signed=self.signed + other.signed,
        )

    def read(self, batch: pyarrow.RecordBatch, column: str, version: str) -> None:
        """Add the rows of a batch.

        Parameters
        ----------
        batch : RecordBatch
            Has the columns of `columns`.
        column : str
            The column of the vectors.
        version : str
            The column that is compared together with the path: `etag`, or `features_run`.
        """
        if len(batch):
            paths = [path or "" for path in batch.column("path").to_pylist()]
            hashes = [digest(path) for path in paths]
            usable, block = self._usable(batch.column(column), paths)
            self._add_rows(batch, paths, hashes, version)
            self._add_vectors(block, [hashes[row] for row in usable])
            labels, versions = batch.column("label").to_pylist(), batch.column(version).to_pylist()
            for place, row in enumerate(usable):
                for sample in (self.sample, self.again):
                    sample.offer(hashes[row], paths[row], labels[row], versions[row], block[place])

    def _usable(self, vectors: pyarrow.ListArray, paths: list[str]) -> tuple[list[int], numpy.ndarray]:
        """Return the numbers of the rows of the expected width with finite numbers, and their vectors."""
        import numpy
        from pyarrow import compute

        widths = compute.fill_null(compute.list_value_length(vectors), -1).to_numpy(zero_copy_only=False)
        for width, count in zip(*numpy.unique(widths, return_counts=True), strict=True):
            self.widths[int(width)] = self.widths.get(int(width), 0) + int(count)
        right = widths == self.width
        block = compute.list_flatten(vectors.filter(right)).to_numpy(zero_copy_only=False)
        block = block.reshape(-1, self.width) if self.width else block.reshape(0, 0)
        finite = numpy.isfinite(block).all(axis=1)
        rows = numpy.flatnonzero(right)
        infinite = [paths[row] for row in rows[~finite]]
        self.infinite_count += len(infinite)
        self.infinite = [*self.infinite, *infinite][:EXAMPLES]
        return rows[finite].tolist(), block[finite]

    def _add_vectors(self, block: numpy.ndarray, hashes: list[int]) -> None:
        import numpy

        if len(block):
            numbers = block.astype(numpy.float64)
            self.spread.add(numbers)
            bits = numpy.array([value >> SIGN_SHIFT & 0xFFFFFFFF for value in hashes], numpy.uint64)
            signs = ((bits[None, :] >> numpy.arange(SIGNS, dtype=numpy.uint64)[:, None]) & 1) * 2.0 - 1.0
            self.signed = self.signed + signs @ numbers

    def _add_rows(self, batch: pyarrow.RecordBatch, paths: list[str], hashes: list[int], version: str) -> None:
        for path, label, hashed in zip(paths, batch.column("label").to_pylist(), hashes, strict=True):
            self.paths.add(hashed)
            if label != folder_of(path):
                self.mislabelled_count += 1
                if len(self.mislabelled) < EXAMPLES:
                    self.mislabelled.append(f"{path} labelled {label}")
        for path, value in zip(paths, batch.column(version).to_pylist(), strict=True):
            self.versions.add(digest(version_key(path, value)))
        self.rows += len(paths)


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
    """Return the columns that `Vectors.read` needs of a table with vectors in a column and versions in another one."""
    return ["path", "label", version, column]
