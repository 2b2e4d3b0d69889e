"""The tables of benchmarks/scheduled_runs.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import tables
from benchmarks.harness.places import ROOT
from benchmarks.scheduled.scheduled_run import KINDS

PAGE = ROOT / "benchmarks" / "scheduled_runs.md"
NOT_COUNTED = ("list_images", "featurize")
"""The listing is stated apart, and step 1 costs what is new."""


@dataclass(frozen=True)
class Measured:
    """A run over a base, with a row for each task (see `benchmarks.scheduled.scheduled_run.row`)."""

    base: str
    run: str
    rows: list[dict[str, Any]]


def write(found: Sequence[Measured], page: Path) -> None:
    """Write both tables: the sums of each run, and all figures of each task."""
    tables.write("scheduled", [summary(run) for run in found], page)
    tables.write("scheduled_tasks", [shown(run, row) for run in found for row in run.rows], page)


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
