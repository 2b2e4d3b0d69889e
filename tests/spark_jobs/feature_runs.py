"""Feature runs as a few nights would have left them, and what is current of them: the oracle of step 2."""

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

from verger_contract.schemas import DELETES, FEATURES

WIDTH = 24


def photos(label: str, numbers: Iterable[int]) -> list[str]:
    return [f"images/{label}/é {number}.jpg" for number in numbers]


@dataclass
class Nights:
    """Feature runs in a folder. Every row has an etag of its own, so that two rows of one path can be told apart."""

    folder: Path
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    deletes: list[tuple[str, str]] = field(default_factory=list)
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(11))

    def featurize(self, run: str, paths: list[str], shift: float = 0.0, files: int = 1) -> None:
        """A run over some photos; their rows in earlier runs are dead from then on."""
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
            # Some row groups a file, as step 1 writes them.
            pq.write_table(table, folder / f"part-{number}.parquet", row_group_size=300)
        (folder / "_SUCCESS").touch()

    def delete(self, paths: list[str]) -> None:
        """Photos that are gone from the bucket."""
        gone = set(paths)
        dying = [(row["path"], run) for run, rows in self.rows.items() for row in rows if row["path"] in gone]
        self.deletes = sorted({*self.deletes, *dying})

    @property
    def paths(self) -> set[str]:
        return {row["path"] for rows in self.rows.values() for row in rows}

    def current(self, *runs: str) -> list[dict[str, Any]]:
        """The rows of some runs that are not dead, by path."""
        deletes = set(self.deletes)
        rows = [row for run in runs for row in self.rows[run] if (row["path"], run) not in deletes]
        return sorted(rows, key=lambda row: row["path"])

    @property
    def at(self) -> str:
        """The folder's URI, to which names may be appended unescaped, as Hadoop wants them."""
        return self.folder.as_uri()

    def uri(self, run: str) -> str:
        return f"{self.at}/features/run={run}"

    def write_plan(self, name: str, features: dict[str, Any], basis: dict[str, Any]) -> tuple[str, str]:
        """Write plan and dead rows; the arguments by which step 2 is given them."""
        compacted = {uri.rstrip("/").rpartition("run=")[2] for uri in features["compact"]}
        photos = {"listed": len(self.paths) + 1}
        plan = {"run": name, "work": True, "why": "", "features": features, "basis": basis, "photos": photos}
        for list_name, of_compacted in (("deletes", False), ("compacted_deletes", True)):
            rows = [row for row in self.deletes if (row[1] in compacted) == of_compacted]
            table = {"path": [path for path, _ in rows], "run": [run for _, run in rows]}
            pq.write_table(pa.table(table, schema=DELETES.arrow), self.folder / f"{list_name}.parquet")
            plan[list_name] = f"{self.at}/{list_name}.parquet"
        (self.folder / name).write_text(json.dumps(plan))
        return "--plan", f"{self.at}/{name}"


def matrix(rows: list[dict[str, Any]]) -> NDArray[np.float64]:
    return np.array([row["features"] for row in rows], dtype=np.float64)
