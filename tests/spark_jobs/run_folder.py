"""Feature runs of several pipeline runs in a folder, and their current rows: the expected input of step 2."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from verger_contract.plan import BasisRequest, StepPlan
from verger_contract.schemas import DELETES, FEATURES

WIDTH = 24


def photos(label: str, numbers: Iterable[int]) -> list[str]:
    return [f"images/{label}/é {number}.jpg" for number in numbers]


@dataclass
class RunFolder:
    """Feature runs in a folder. Every row has its own etag, so that two rows of one path can be distinguished."""

    folder: Path
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    deletes: list[tuple[str, str]] = field(default_factory=list)
    published_deletes: list[tuple[str, str]] = field(default_factory=list)
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(11))

    def featurize(self, run: str, paths: list[str], shift: float = 0.0, files: int = 1) -> None:
        """Write a feature run of some photos. Their rows in earlier runs become deleted rows."""
        vectors = np.abs(self.rng.normal(size=(len(paths), WIDTH))) * np.linspace(2, 0.1, WIDTH) + shift
        self.delete(paths)
        self.rows[run] = [
            {"path": path, "label": path.split("/")[1], "etag": f"{run} {number}", "features": vector}
            for number, (path, vector) in enumerate(zip(paths, vectors.astype(np.float32), strict=True))
        ]
        folder = self.folder / "features" / f"run={run}"
        folder.mkdir(parents=True)
        for number, part in enumerate(np.array_split(np.arange(len(paths)), files)):
            table = pa.Table.from_pylist([self.rows[run][index] for index in part], schema=FEATURES.arrow)
            # Several row groups in a file, as step 1 writes them.
            pq.write_table(table, folder / f"part-{number}.parquet", row_group_size=300)
        (folder / "_SUCCESS").touch()

    def delete(self, paths: list[str]) -> None:
        """Delete photos from the bucket."""
        deleted = set(paths)
        rows = [(row["path"], run) for run, rows in self.rows.items() for row in rows if row["path"] in deleted]
        self.deletes = sorted({*self.deletes, *rows})

    def publish(self) -> None:
        """From now on, a plan removes only rows that are deleted later."""
        self.published_deletes = self.deletes

    @property
    def paths(self) -> set[str]:
        return {row["path"] for rows in self.rows.values() for row in rows}

    def current(self, *runs: str) -> list[dict[str, Any]]:
        """The current rows of some runs, by path."""
        deletes = set(self.deletes)
        rows = [row for run in runs for row in self.rows[run] if (row["path"], run) not in deletes]
        return sorted(rows, key=lambda row: row["path"])

    @property
    def at(self) -> str:
        """The URI of the folder. Names are appended to it without escapes, as Hadoop expects."""
        return self.folder.as_uri()

    def uri(self, run: str) -> str:
        return f"{self.at}/features/run={run}"

    def write_plan(
        self,
        name: str,
        *,
        keep: tuple[str, ...],
        new: str,
        basis: BasisRequest,
        compact: tuple[str, ...] = (),
        into: str | None = None,
        statistics: str | None = None,
        project: tuple[str, ...] = (),
    ) -> tuple[str, str]:
        """Write a plan and its tables of deleted rows, and return the arguments of step 2 for them."""
        compacted = {uri.rstrip("/").rpartition("run=")[2] for uri in compact}
        tables = {}
        removed = sorted({*self.deletes} - {*self.published_deletes})
        chosen = {
            "deletes": [row for row in self.deletes if row[1] not in compacted],
            "compacted_deletes": [row for row in self.deletes if row[1] in compacted],
            "removed": removed,
        }
        for table_name, rows in chosen.items():
            table = {"path": [path for path, _ in rows], "run": [run for _, run in rows]}
            pq.write_table(pa.table(table, schema=DELETES.arrow), self.folder / f"{table_name}.parquet")
            tables[table_name] = f"{self.at}/{table_name}.parquet"
        plan = StepPlan(
            run="run",
            work=True,
            why="",
            photos={"listed": len(self.paths) + 1},
            keep=keep,
            compact=compact,
            into=into,
            new=new,
            basis=basis,
            deletes=tables["deletes"],
            compacted_deletes=tables["compacted_deletes"],
            removed=tables["removed"],
            statistics=statistics,
            project=project,
        )
        (self.folder / name).write_text(json.dumps(plan.document()))
        return "--plan", f"{self.at}/{name}"


def matrix(rows: list[dict[str, Any]]) -> NDArray[np.float64]:
    return np.array([row["features"] for row in rows], dtype=np.float64)
