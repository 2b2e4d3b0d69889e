"""A folder with publications, written as the DAG publishes them in a bucket."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray

from verger_contract import keys, pca_model, schemas

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

ATTEMPT = "0a1b2c3d"


def as_spark_writes(schema: pyarrow.Schema) -> pyarrow.Schema:
    """Return the columns as Spark writes them: it gives the element of a list another name than pyarrow does."""
    return pyarrow.schema(
        pyarrow.field(
            field.name,
            pyarrow.list_(pyarrow.field("element", field.type.value_type, nullable=False))
            if pyarrow.types.is_list(field.type)
            else field.type,
        )
        for field in schema
    )


def photo(path: str, etag: str, vector: NDArray[Any]) -> Row:
    """A row of features. The label is the name of the folder."""
    return {"path": path, "label": path.split("/")[-2], "etag": etag, "features": vector.astype(numpy.float32)}


@dataclass
class WrittenBucket:
    """Each `publish` adds a publication. `current` holds the rows that a reader should return, by path.

    `version` is that of published.json. In version 3, a run writes the coordinates of all current photos. In version 4,
    it writes those of its own photos.
    """

    folder: Path
    version: int = 4
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

    def publish(
        self, run: str, rows: list[Row], deletes: Iterable[tuple[str, str]] = (), project: Iterable[str] = ()
    ) -> None:
        """Publish the rows of a run.

        Parameters
        ----------
        deletes
            The (path, run) of rows of earlier feature runs that are deleted.
        project
            Earlier feature runs whose coordinates the run writes again.
        """
        self.runs[run] = rows
        self.deletes |= set(deletes)
        current_rows = {
            of: [row for row in table if (row["path"], of) not in self.deletes] for of, table in self.runs.items()
        }
        self.current = {row["path"]: row for table in current_rows.values() for row in table}
        self._write_features(run, rows)
        listed = [{"path": path, "run": of} for path, of in sorted(self.deletes)]
        self._write(keys.Run("", run).deletes, listed, schemas.DELETES.arrow)
        basis = self.published["basis"] if self.published else None
        if basis is None:
            basis = run
            write_basis(self.folder / keys.Run("", run).basis, self.components)
        features = [{"run": of, "rows": len(self.runs[of]), "current_rows": len(current_rows[of])} for of in self.runs]
        pca = self._publish_all(run) if self.version == 3 else self._publish_pca(run, [*project, run], current_rows)
        self._replace({"run": run, "features": features, **pca, "basis": basis, "k": K, "photos": len(self.current)})

    def _write_features(self, run: str, rows: list[Row]) -> None:
        half = len(rows) // 2
        folder, schema = keys.Run("", run).features, as_spark_writes(schemas.FEATURES.arrow)
        for part, some in enumerate((rows[:half], rows[half:])):
            self._write(f"{folder}part-{part}.parquet", some, schema)
        (self.folder / folder / "_SUCCESS").touch()

    def _publish_all(self, run: str) -> dict[str, Any]:
        """Write the coordinates of all current photos as an earlier Verger did. Return members of published.json."""
        schema = as_spark_writes(schemas.PCA.arrow)
        columns = pyarrow.schema([field for field in schema if field.name != "features_run"])
        rows = [self._projected(row) for row in self.current.values()]
        self._write(f"{keys.Run('', run).pca}part-0.parquet", rows, columns)
        return {"pca": run}

    def _publish_pca(self, run: str, of: list[str], current_rows: Mapping[str, list[Row]]) -> dict[str, Any]:
        """Write the coordinates of feature runs, and the sums of each label. Return the members of published.json."""
        made = keys.Run("", run, pca_attempt=ATTEMPT)
        rows = [{**self._projected(row), "features_run": name} for name in of for row in current_rows[name]]
        # Rows of a feature run that is no longer current stay in the tables.
        rows += [{**self._projected(row), "features_run": "compacted-away"} for row in self.runs[run]]
        self._write(f"{made.pca}part-0.parquet", rows, as_spark_writes(schemas.PCA.arrow))
        counts = Counter(row["label"] for row in self.current.values())
        sums = [{"label": label, "photos": photos, "total": [], "squares": 0.0} for label, photos in counts.items()]
        self._write(f"{made.statistics}labels.parquet", sums, schemas.LABEL_SUMS.arrow)
        suspect = {"path": "images/柿/1.jpg", "label": "柿", "kind": schemas.SuspectKind.NEAR_DUPLICATE.value}
        self._write(f"{made.suspects}{keys.SUSPECTS_FILE}", [suspect], schemas.SUSPECTS.arrow)
        before = self.published["pca"] if self.published and self.published["version"] == 4 else []
        kept = [{**table, "features": [name for name in table["features"] if name not in of]} for table in before]
        tables = [
            *(table for table in kept if table["features"]),
            {"run": keys.name_of(made.pca), "rows": len(rows), "features": of, "stale_since": REST["published_at"]},
        ]
        return {"pca": tables, "pca_attempt": ATTEMPT, "since_full_pass": 0}

    def _projected(self, row: Row) -> Row:
        vector = row["features"].astype(float) @ self.components
        return {"path": row["path"], "label": row["label"], "pca_features": vector}

    def unpublish(self) -> None:
        self.current = {}
        empty: dict[str, Any] = {"features": [], "pca": None if self.version == 3 else [], "since_full_pass": None}
        self._replace({"run": None, **empty, "basis": None, "k": 0, "photos": 0})

    def roll_back(self, facts: dict[str, Any]) -> None:
        """Publish an earlier publication again. `facts` are its members in the history."""
        self._replace({**facts})

    def _replace(self, facts: dict[str, Any]) -> None:
        history: list[dict[str, Any]] = []
        if self.published:
            history = [self.published, *self.published.pop("history")]
            if self.published.pop("version") < self.version:
                only = {"rows": self.published["photos"], "features": None, "stale_since": None}
                self.published["pca"] = [{"run": self.published["pca"], **only}]
        self.published = {"version": self.version, "revision": len(history) + 1, **REST, **facts, **self.artifacts}
        self.published["history"] = history
        (self.folder / "published.json").write_text(json.dumps(self.published))

    def _write(self, key: str, rows: list[Row], schema: pyarrow.Schema) -> None:
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
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
