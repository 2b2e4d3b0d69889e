"""The tables of benchmarks/scheduled_runs.md."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import results, tables
from benchmarks.harness.places import RESULTS, ROOT
from benchmarks.scheduled.scheduled_run import KINDS

PAGE = ROOT / "benchmarks" / "scheduled_runs.md"
SAVED = "scheduled"
"""Name of the figures in benchmarks/results.json."""

NOT_COUNTED = ("list_images", "featurize")
"""The listing is stated apart, and step 1 costs what is new."""


@dataclass(frozen=True)
class Measured:
    """A run over a base, with a row for each task (see `benchmarks.scheduled.scheduled_run.row`)."""

    base: str
    run: str
    rows: list[dict[str, Any]]


def write(found: Sequence[Measured], page: Path, path: Path = RESULTS) -> None:
    """Save the figures, and write both tables: the sums of each run, and all figures of each task.

    Runs that were measured earlier, over other bases or with other numbers of new photos, stay in the tables.
    """
    runs = {(run.base, run.run): run for run in [*_saved(path), *found]}
    ordered = sorted(runs.values(), key=_order)
    results.save(SAVED, [dataclasses.asdict(run) for run in ordered], path)
    tables.write("scheduled", _filled([summary(run) for run in ordered]), page)
    tables.write("scheduled_tasks", [shown(run, row) for run in ordered for row in run.rows], page)


def _saved(path: Path) -> list[Measured]:
    return [Measured(**row) for row in (results.load(SAVED, path) or {"rows": []})["rows"]]


def _order(run: Measured) -> tuple[int, int]:
    """Order by base and new photos. The first run of a base has no number."""
    base, new = (text.split(maxsplit=1)[0].replace(",", "") for text in (run.base, run.run))
    return int(base), int(new) if new.isdigit() else 0


def _filled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with equal keys: tasks that a run did not have are empty."""
    names = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name, "") for name in names} for row in rows]


def summary(run: Measured) -> dict[str, Any]:
    """Return the row of a run: the seconds of each task without the start of its process and of Spark."""
    own = {row["task"]: row["own_s"] for row in run.rows}
    counted = [row for row in run.rows if row["task"] not in NOT_COUNTED]
    return {
        "base": run.base,
        "run": run.run,
        **{f"{row['task']}, s": f"{own[row['task']]:.1f}" for row in run.rows if row["task"] != "list_images"},
        "all but listing and step 1, s": f"{sum(own[row['task']] for row in counted):.1f}",
        "their CPU time, s": f"{sum(row['cpu_s'] for row in counted):.1f}",
        "their requests": f"{sum(row[kind] for row in counted for kind in KINDS):,}",
    }


def shown(run: Measured, row: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a task."""
    return {
        "base": run.base,
        "run": run.run,
        "task": row["task"],
        "s": f"{row['s']:.1f}",
        "without the start, s": f"{row['own_s']:.1f}",
        "CPU s": f"{row['cpu_s']:.1f}",
        "Airflow's process, MB": row["task_mb"] or "",
        "JVM, MB": row["jvm_mb"] or "",
        "driver's Python, MB": row["driver_mb"] or "",
        "largest worker, MB": row["worker_mb"] or "",
        **{kind: f"{row[kind]:,}" for kind in KINDS},
    }
