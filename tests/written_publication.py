"""A folder with publications, written as the DAG publishes them in a bucket."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray

from verger_contract import pca_model

WIDTH, K = 1280, 6
Row = dict[str, Any]

REST: dict[str, Any] = {
    "published_at": "2026-11-24T02:30:00+00:00",
    "rejected": 0,
    "target_variance": 0.9,
    "explained_variance": 0.91,
    "images_prefix": "images/",
    "changes": {},
    "basis_reason": "no basis is published yet",
    "basis_target": 0.9,
}
"""Members of published.json that the reader does not use."""

# Spark gives the element of a list another name than pyarrow does.
FLOATS = pyarrow.list_(pyarrow.field("element", pyarrow.float32(), nullable=False))
DOUBLES = pyarrow.list_(pyarrow.field("element", pyarrow.float64(), nullable=False))


def photo(path: str, etag: str, vector: NDArray[Any]) -> Row:
    """A row of features. The label is the name of the folder."""
    return {"path": path, "label": path.split("/")[-2], "etag": etag, "features": vector.astype(numpy.float32)}


@dataclass
class WrittenBucket:
    """Each `publish` adds a publication. `current` holds the rows that a reader should return, by path."""

    folder: Path
    current: dict[str, Row] = field(default_factory=dict)
    runs: dict[str, list[Row]] = field(default_factory=dict)
    deletes: set[tuple[str, str]] = field(default_factory=set)
    published: dict[str, Any] | None = None
    artifacts: dict[str, Any] = field(
        default_factory=lambda: {"artifacts": "cd" * 32, "model": {"weights": "imagenet", "sha256": "ab" * 32}}
    )
    components: NDArray[numpy.float64] = field(
        default_factory=lambda: numpy.linalg.qr(numpy.random.default_rng(5).normal(size=(WIDTH, K)))[0]
    )

    @property
    def root(self) -> str:
        return self.folder.as_uri()

    def publish(self, run: str, rows: list[Row], deletes: Iterable[tuple[str, str]] = ()) -> None:
        """Publish the rows of a run. `deletes` are the (path, run) of rows of earlier feature runs that are deleted."""
        self.runs[run] = rows
        self.deletes |= set(deletes)
        current_rows = {
            of: [row for row in table if (row["path"], of) not in self.deletes] for of, table in self.runs.items()
        }
        self.current = {row["path"]: row for table in current_rows.values() for row in table}
        self._write_features(run, rows)
        self._write_pca(run)
        listed = [{"path": path, "run": of} for path, of in sorted(self.deletes)]
        self._write(f"runs/{run}/deletes.parquet", listed, run=pyarrow.string())
        basis = self.published["basis"] if self.published else None
        if basis is None:
            basis = run
            write_basis(self.folder / f"models/pca/run={run}", self.components)
        features = [{"run": of, "rows": len(self.runs[of]), "current_rows": len(current_rows[of])} for of in self.runs]
        self._replace(
            {"run": run, "features": features, "pca": run, "basis": basis, "k": K, "photos": len(self.current)}
        )

    def _write_features(self, run: str, rows: list[Row]) -> None:
        half = len(rows) // 2
        for part, some in enumerate((rows[:half], rows[half:])):
            path = f"features/run={run}/part-{part}.parquet"
            self._write(path, some, label=pyarrow.string(), etag=pyarrow.string(), features=FLOATS)
        (self.folder / f"features/run={run}/_SUCCESS").touch()

    def _write_pca(self, run: str) -> None:
        rows = [
            {
                "path": row["path"],
                "label": row["label"],
                "pca_features": row["features"].astype(float) @ self.components,
            }
            for row in self.current.values()
        ]
        self._write(f"pca/run={run}/part-0.parquet", rows, label=pyarrow.string(), pca_features=DOUBLES)

    def unpublish(self) -> None:
        self.current = {}
        self._replace({"run": None, "features": [], "pca": None, "basis": None, "k": 0, "photos": 0})

    def _replace(self, facts: dict[str, Any]) -> None:
        history: list[dict[str, Any]] = []
        if self.published:
            history = [self.published, *self.published.pop("history")]
            del self.published["version"]
        self.published = {"version": 3, "revision": len(history) + 1, **REST, **facts, **self.artifacts}
        self.published["history"] = history
        (self.folder / "published.json").write_text(json.dumps(self.published))

    def _write(self, key: str, rows: list[Row], **columns: pyarrow.DataType) -> None:
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        schema = pyarrow.schema({"path": pyarrow.string(), **columns})
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), path)


def write_basis(folder: Path, components: NDArray[numpy.float64]) -> None:
    """Write the data of a PCAModel with the explained variances 0.5, 0.25, ..."""
    ratio = 0.5 ** numpy.arange(1, components.shape[1] + 1)
    (folder / "data").mkdir(parents=True)
    pyarrow.parquet.write_table(pca_model.table(components, ratio, "4.1.1"), folder / "data/part-0.parquet")


def orchard(folder: Path, made: WrittenBucket | None = None) -> WrittenBucket:
    """Two publications. The second changed a photo of the first, deleted one and has a new one.

    The ids look like numbers and dates. The paths contain spaces, percent signs and other alphabets.
    """
    bucket, random = made or WrittenBucket(folder), numpy.random.default_rng(3)
    paths = [f"images/Poire à cuire/50 % {number}.jpg" for number in range(4)] + ["images/柿/1.jpg", "images/柿/2.jpg"]
    bucket.publish("007", [photo(path, "first", random.normal(size=WIDTH)) for path in paths])
    changed = [photo(path, "second", random.normal(size=WIDTH)) for path in (paths[1], "images/柿/new.jpg")]
    # The table of deleted rows may still name a run that was compacted.
    bucket.publish("2026-01-02", changed, [(paths[1], "007"), ("images/柿/1.jpg", "007"), (paths[0], "compacted-away")])
    return bucket
