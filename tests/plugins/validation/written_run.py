"""Writes the tables of a small run to a folder, with a defect where a test needs one."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pyarrow.parquet
from pyarrow.fs import LocalFileSystem

from verger.changes.plan import Plan
from verger.changes.rewrites.coordinates import Coordinates
from verger.cluster_plan.plan import ClusterPlan
from verger.publication.model import FeatureRun
from verger.tables.parquet import Store
from verger_contract.keys import Run

WIDTH = 1280
LABELS = ("Apple", "Kiwi", "柿 1", "Poire à cuire")
PER_LABEL = 30

Rows = list[dict[str, Any]]


@dataclass
class WrittenRun:
    """The tables of a correct run. A test changes them, then calls `write`."""

    inventory: Rows
    features: Rows
    rejects: Rows
    pca: Rows
    components: numpy.ndarray
    explained: numpy.ndarray
    earlier: Rows = field(default_factory=list)
    """Features of an earlier run, run-0, which is kept."""
    deletes: Rows = field(default_factory=list)
    kept: frozenset[str] = frozenset()
    """Paths of the photos whose features run-0 has."""
    run: Run = field(default_factory=lambda: Run("orchard", "run-1"))

    @property
    def k(self) -> int:
        return int(self.components.shape[1])

    def write(self, folder: Path) -> tuple[Store, Run]:
        """Write the tables as Parquet files; features in several files, like Spark."""
        run = Run(str(folder), self.run.id)
        _write(folder / run.inventory, self.inventory, etag=True, size=pyarrow.int64())
        earlier = {row["path"] for row in self.earlier}
        work = [row for row in self.inventory if row["path"] not in earlier]
        _write(folder / run.work, work, etag=True, size=pyarrow.int64())
        _write(folder / run.deletes, self.deletes, run=True)
        _write(
            folder / run.manifest,
            sorted(self._manifest(), key=lambda row: row["path"]),
            etag=True,
            run=True,
            kind=True,
            reason=True,
        )
        half = len(self.features) // 2
        for part, rows in enumerate((self.features[:half], self.features[half:])):
            vectors = pyarrow.list_(pyarrow.float32())
            _write(folder / run.features / f"part-{part}.parquet", rows, label=True, etag=True, features=vectors)
        (folder / run.features / "_SUCCESS").touch()
        if self.earlier:
            vectors = pyarrow.list_(pyarrow.float32())
            place = folder / Run("", "run-0").features / "part-0.parquet"
            _write(place, self.earlier, label=True, etag=True, features=vectors)
        if self.rejects:
            _write(folder / run.rejects / "part-0.parquet", self.rejects, etag=True, kind=True, reason=True)
        coordinates = pyarrow.list_(pyarrow.float64())
        _write(folder / run.pca / "part-0.parquet", self.pca, label=True, features_run=True, pca_features=coordinates)
        write_basis(folder / run.basis, self.components, self.explained)
        return Store(LocalFileSystem(), str(folder)), run

    def _manifest(self) -> Rows:
        """Return the manifest without a defect: from the inventory and the rejects of a correct run."""
        reasons = {row["path"]: row["reason"] for row in correct_run().rejects}
        return [
            {
                "path": row["path"],
                "etag": row["etag"],
                "run": None if row["path"] in reasons else "run-0" if row["path"] in self.kept else self.run.id,
                "kind": reasons.get(row["path"]),
                "reason": reasons.get(row["path"]),
            }
            for row in self.inventory
        ]


Defect = Callable[[WrittenRun], None]


def plan(*keep: FeatureRun, policy: str = "auto") -> Plan:
    """Return the plan of a run with new photos that keeps these feature runs."""
    return Plan(
        work=True,
        why="of a test",
        photos={"listed": 120, "new": 120},
        cluster=ClusterPlan(core=1, task=1, data_gib=64, photos=0, bytes=0, listed=0),
        etag=None,
        model_sha256="ab" * 32,
        preprocessing="2-exact",
        decoding="exact",
        images_prefix="images/",
        full_refresh=False,
        retry_all_rejects=False,
        keep=keep,
        compact=(),
        into=None,
        coordinates=Coordinates(statistics=None, since_full_pass=0, keep=(), again=tuple(table.run for table in keep)),
        basis_policy=policy,
        basis=None,
        basis_reason="",
        basis_target=0.9,
        basis_tolerance=0.01,
    )


def correct_run() -> WrittenRun:
    """Return a new copy of a run with 120 photos of four labels, two of them rejects, and their exact PCA."""
    return copy.deepcopy(_correct_run())


@functools.cache
def _correct_run() -> WrittenRun:
    random = numpy.random.default_rng(7)
    inventory: Rows = []
    features: Rows = []
    rejects: Rows = []
    for label in LABELS:
        centre = random.normal(size=WIDTH)
        for number in range(PER_LABEL):
            path, etag = f"images/Test/{label}/{number}.jpg", f"{label}{number}"
            inventory.append({"path": path, "etag": etag, "size": 5000})
            if number == 0 and label in LABELS[:2]:
                rejects.append({"path": path, "etag": etag, "kind": "not an image", "reason": "not an image"})
                continue
            vector = (centre + 0.3 * random.normal(size=WIDTH)).astype(numpy.float32)
            features.append({"path": path, "label": label, "etag": etag, "features": vector})
    matrix = numpy.stack([row["features"] for row in features]).astype(numpy.float64)
    values, vectors = numpy.linalg.eigh(numpy.cov(matrix.T))
    shares = values[::-1] / values.sum()
    k = int(numpy.searchsorted(shares.cumsum(), 0.9) + 1)
    components = vectors[:, ::-1][:, :k]
    pca = [
        {"path": row["path"], "label": row["label"], "features_run": "run-1", "pca_features": projected}
        for row, projected in zip(features, matrix @ components, strict=True)
    ]
    random.shuffle(pca)
    return WrittenRun(inventory, features, rejects, pca, components, shares[:k])


def write_basis(folder: Path, components: numpy.ndarray, explained: numpy.ndarray) -> None:
    """Write a basis like `pyspark.ml.feature.PCAModel.save`."""
    rows, columns = components.shape
    matrix = {
        "type": 1,
        "numRows": rows,
        "numCols": columns,
        "values": components.T.ravel().tolist(),
        "isTransposed": False,
    }
    (folder / "data").mkdir(parents=True)
    table = pyarrow.Table.from_pylist([{"pc": matrix, "explainedVariance": {"type": 1, "values": explained.tolist()}}])
    pyarrow.parquet.write_table(table, folder / "data/part-0.parquet")


def _write(path: Path, rows: Rows, **columns: Any) -> None:
    fields = [("path", pyarrow.string())]
    fields += [(name, pyarrow.string() if kind is True else kind) for name, kind in columns.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=pyarrow.schema(fields)), path)
