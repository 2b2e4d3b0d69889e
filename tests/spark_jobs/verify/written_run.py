"""Writes the tables of a small run to a folder, with a defect where a test needs one."""

from __future__ import annotations

import contextlib
import copy
import functools
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pyarrow.parquet

from verger_contract.keys import Run
from verger_contract.metrics import FILE_LIST, ListedFile, list_document
from verger_contract.plan import BasisPolicy, BasisRequest, StepPlan, Verification
from verger_spark.session import LazySession
from verger_spark.stopwatch import Stopwatch
from verger_verify.features import Samples
from verger_verify.tables.work import Cluster

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

    def write(self, folder: Path) -> Run:
        """Write the tables as Parquet files with their file lists; features in several files, like Spark."""
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
        if self.earlier:
            vectors = pyarrow.list_(pyarrow.float32())
            place = folder / Run("", "run-0").features / "part-0.parquet"
            _write(place, self.earlier, label=True, etag=True, features=vectors)
        _write(folder / run.rejects / "part-0.parquet", self.rejects, etag=True, kind=True, reason=True)
        coordinates = pyarrow.list_(pyarrow.float64())
        _write(folder / run.pca / "part-0.parquet", self.pca, label=True, features_run=True, pca_features=coordinates)
        write_basis(folder / run.basis, self.components, self.explained)
        for table in (run.features, run.rejects, run.pca, *([Run("", "run-0").features] if self.earlier else [])):
            write_list(folder / table)
        return run

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


def uri(folder: Path, key: str) -> str:
    """Return the URI of a key in a folder that plays the bucket."""
    return f"file://{folder}/{key}"


def plan(folder: Path, written: WrittenRun, *, policy: str = "auto", basis: str | None = None) -> StepPlan:
    """Return the plan of a run that keeps the features of run-0 if it has any, and writes all coordinates."""
    run, kept = written.run, uri(folder, Run("", "run-0").features)
    keep = (kept,) if written.earlier else ()
    return StepPlan(
        run=run.id,
        work=True,
        why="of a test",
        photos={"listed": len(written.inventory)},
        keep=keep,
        compact=(),
        into=None,
        new=uri(folder, run.features),
        deletes=uri(folder, run.deletes),
        compacted_deletes=uri(folder, run.compacted_deletes),
        removed=uri(folder, run.removed),
        basis=BasisRequest(
            policy=BasisPolicy(policy), published=basis and uri(folder, Run("", basis).basis), tolerance=0.01
        ),
        verification=Verification(
            features={kept: len(written.earlier)} if keep else {},
            current_features={kept: len(written.kept)} if keep else {},
            manifest=(uri(folder, run.manifest),),
        ),
    )


def cluster() -> Cluster:
    """Return a cluster whose session starts only if a test has too much data for the driver."""
    return Cluster(LazySession("verger test", Stopwatch()), 1, lambda total, done: contextlib.nullcontext())


SAMPLES = Samples(neighbours=100, again=10, salt=0)


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


def write_list(folder: Path) -> None:
    """Write the file list of a table as the steps do."""
    listed = []
    for file in sorted(folder.glob("*.parquet")):
        content, paths = file.read_bytes(), pyarrow.parquet.read_table(file, columns=["path"])["path"].to_pylist()
        ends = {"first": min(paths), "last": max(paths)} if paths else {}
        listed.append(ListedFile(file.name, len(paths), len(content), hashlib.sha256(content).hexdigest(), **ends))
    (folder / FILE_LIST).write_text(json.dumps(list_document(listed)))
