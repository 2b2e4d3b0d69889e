"""What a demo ends with: the results copied to disk, a short table, and two lines that read them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import obstore
from obstore.store import S3Store
from rich.console import Console

from demo.errors import DemoError


def published(store: S3Store) -> str | None:
    """The run that is published; None before the first publication."""
    try:
        run: str | None = json.loads(bytes(obstore.get(store, "published.json").bytes()))["run"]
    except FileNotFoundError:
        return None
    return run


def fetch_results(store: S3Store, folder: Path) -> dict[str, Any]:
    """Copy the published coordinates and the run's report to `folder`; the facts of the run."""
    run = published(store)
    if run is None:
        raise DemoError("nothing is published")
    found = [item["path"] for batch in obstore.list(store, f"pca/run={run}/") for item in batch]
    vectors = [key for key in found if key.endswith(".parquet")]  # not what marks folders
    reports = [f"runs/{run}/report.{kind}" for kind in ("html", "json")]
    for name, keys in (("pca", vectors), ("report", reports)):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(parents=True)
        for key in keys:
            (folder / name / key.rpartition("/")[2]).write_bytes(bytes(obstore.get(store, key).bytes()))
    facts: dict[str, Any] = json.loads((folder / "report" / "report.json").read_text())
    return facts


def seconds_by_stage(tasks: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Seconds of each stage in the order of the run: asking for something and waiting for it are one stage."""
    stages: dict[str, float] = {}
    for task in tasks:
        name = str(task["task"])
        stage = "cluster" if name in ("create_cluster", "cluster_ready") else name.removesuffix("_done")
        stages[stage] = stages.get(stage, 0.0) + task["seconds"]
    return stages


def _timed(facts: Mapping[str, Any], cluster: str) -> Iterable[tuple[str, float]]:
    return seconds_by_stage(facts["tasks"]).items() if cluster else ()


def show(console: Console, facts: dict[str, Any], folder: Path, cluster: str, seconds: float) -> None:
    """Print the table and the two lines. `cluster` is empty when there was nothing to do: then nothing is timed."""
    rejects = ", ".join(f"{reason}: {count:,}" for reason, count in facts["rejects"].items())
    checks = [check for rows in facts["checks"].values() for check in rows]
    rows = [
        ("photos", f"{facts['inventory']:,}  ({facts['why']})" if cluster else f"{facts['inventory']:,}"),
        ("rejected", f"{facts['rejected']:,}" + (f"  ({rejects})" if rejects else "")),
        ("components k", f"{facts['k']:,}"),
        ("explained variance", f"{facts['explained_variance'] or 0:.4f}  (target {facts['target_variance']:g})"),
        ("checks", f"{sum(check['passed'] for check in checks)} of {len(checks)} passed"),
        ("basis", f"{'kept' if facts['basis_kept'] else 'fitted'}: {facts['basis_reason']}"),
        ("cluster", cluster or "none was launched: FULL_REFRESH=1 featurizes all again"),
        *((f"seconds, {stage}", f"{taken:.1f}") for stage, taken in _timed(facts, cluster)),
        ("seconds, all", f"{seconds:.0f}"),
        ("Parquet", facts["locations"]["projections"]),
        ("  a copy", str(folder / "pca")),
        ("report", facts["locations"]["report"]),
        ("  a copy", str(folder / "report" / "report.html")),
    ]
    if facts["model"]["weights"] != "imagenet":
        rows.append(("WEIGHTS", f"{facts['model']['weights']}: the vectors mean nothing"))
    console.print()
    for name, value in rows:
        console.print(f"{name:<28}{value}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"\nRead them, in {Path('.verger/venv/dev/bin/python')} or any Python with pandas and pyarrow:\n")
    console.print("  import pandas", highlight=False)
    console.print(f'  pandas.read_parquet("{folder / "pca"}")\n', highlight=False, markup=False, soft_wrap=True)
