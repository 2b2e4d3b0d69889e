"""One pass over a table of vectors: who is there, how wide, how finite, how spread, and a sample of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from verger.validation.fingerprint import EXAMPLES, Fingerprint, digest

if TYPE_CHECKING:
    import numpy
    import pyarrow


@dataclass
class Sample:
    """The `size` photos with the smallest path hash: the same photos from any table, in any order of rows."""

    size: int
    rows: list[tuple[int, str, str, Any]] = field(default_factory=list)
    bound: int | None = None

    def offer(self, hashed: int, path: str, label: str, vector: numpy.ndarray) -> None:
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
        """Rows of (hash, path, label, vector), by hash."""
        return sorted(self.rows, key=lambda row: row[0])[: self.size]


@dataclass
class Spread:
    """Variance per dimension, updated batch by batch (Chan, Golub and LeVeque 1983)."""

    count: int = 0
    mean: Any = 0.0
    squares: Any = 0.0

    def add(self, block: numpy.ndarray) -> None:
        """`block`: float64, (rows, dimensions)."""
        count = len(block)
        if not count:
            return
        mean = block.mean(axis=0)
        delta = mean - self.mean
        total = self.count + count
        self.squares = self.squares + ((block - mean) ** 2).sum(axis=0) + delta**2 * self.count * count / total
        self.mean = self.mean + delta * count / total
        self.count = total

    @property
    def total_variance(self) -> float:
        """Sum over the dimensions of the sample variance (divided by n - 1)."""
        return float(self.squares.sum() / (self.count - 1)) if self.count > 1 else 0.0


@dataclass
class Vectors:
    """What one pass found. `wrong_*` hold up to ten example paths each, `*_count` how many there are."""

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
    """The folder that a photo lies in: its label."""
    return path.split("/")[-2] if "/" in path else ""


def version(path: str, etag: str) -> str:
    """Path and etag as one key."""
    return f"{path}\0{etag}"


def columns(column: str, *, etags: bool) -> list[str]:
    """The columns that `read` wants of a table whose vectors are in `column`."""
    return ["path", "label", column, *(["etag"] if etags else [])]


def read(batches: Iterable[pyarrow.RecordBatch], column: str, width: int, sample_size: int, *, etags: bool) -> Vectors:
    """Stream path, label, `column` (and etag) of every row."""
    found = Vectors(width, Sample(sample_size))
    for batch in batches:
        if len(batch):
            _read_batch(batch, column, found, etags)
    return found


def _read_batch(batch: pyarrow.RecordBatch, column: str, found: Vectors, etags: bool) -> None:
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
    if etags:
        for path, etag in zip(paths, batch.column("etag").to_pylist(), strict=True):
            found.versions.add(digest(version(path, etag)))
    found.rows += len(paths)


def _note(examples: list[str], text: str) -> None:
    if len(examples) < EXAMPLES:
        examples.append(text)
