"""The end of the demo: a local copy of the results, a table, and two lines of Python that read them."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
import pyarrow
import pyarrow.parquet
from obstore.store import S3Store
from rich.console import Console

import verger_reader
from demo.errors import DemoError

if TYPE_CHECKING:
    from verger_contract.report import Report, TaskFacts

#: Width of the first column of the table.
NAMES = 26


def published_run(store: S3Store) -> str | None:
    """Return the id of the published run, None before the first publication."""
    try:
        run: str | None = json.loads(bytes(obstore.get(store, "published.json").bytes()))["run"]
    except FileNotFoundError:
        return None
    return run


def fetch_results(store: S3Store, folder: Path) -> Report:
    """Copy the current PCA coordinates and the report of the run to `folder`; return the report.

    Raises
    ------
    DemoError
        When nothing is published.
    """
    run = published_run(store)
    if run is None:
        raise DemoError("published.json: not in the bucket, nothing is published")
    for name in ("pca", "report"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="verger-demo-") as copy:
        _copy_tables(store, Path(copy))
        _write_coordinates(verger_reader.open_publication(Path(copy).as_uri()), folder / "pca" / "coordinates.parquet")
    for key in (f"runs/{run}/report.{kind}" for kind in ("html", "json")):
        _download(store, key, folder / "report" / key.rpartition("/")[2])
    report: Report = json.loads((folder / "report" / "report.json").read_text())
    return report


def _copy_tables(store: S3Store, copy: Path) -> None:
    """Copy published.json and what it names of the coordinates to a folder, under the same keys."""
    _download(store, "published.json", copy / "published.json")
    published = json.loads((copy / "published.json").read_text())
    deletes = f"runs/{published['run']}/deletes.parquet"
    found = published["pca"]  # an earlier Verger, of whose publication nothing has changed, named one table
    runs = [table["run"] for table in found] if isinstance(found, list) else [found]
    keys = [item["path"] for run in runs for batch in obstore.list(store, f"pca/run={run}/") for item in batch]
    for key in (deletes, *keys):
        _download(store, key, copy / key)


def _write_coordinates(published: verger_reader.Publication, file: Path) -> None:
    schema = pyarrow.schema(
        [("path", "string"), ("label", "string"), ("pca_features", pyarrow.list_(pyarrow.float64()))]
    )
    with pyarrow.parquet.ParquetWriter(file, schema) as writer:
        for batch in published.batches("pca"):
            writer.write_batch(batch)


def _download(store: S3Store, key: str, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bytes(obstore.get(store, key).bytes()))


def seconds_by_task(tasks: Iterable[TaskFacts]) -> dict[str, float]:
    """Return the seconds of the tasks in the order of the run.

    A task that submits work and the task that waits for it are one entry: `featurize` holds `featurize_done`, and
    `cluster` holds `create_cluster` and `cluster_ready`.
    """
    seconds: dict[str, float] = {}
    for task in tasks:
        name = "cluster" if task["task"] in ("create_cluster", "cluster_ready") else task["task"].removesuffix("_done")
        seconds[name] = seconds.get(name, 0.0) + task["seconds"]
    return seconds


def print_summary(console: Console, report: Report, folder: Path, cluster: str, seconds: float) -> None:
    """Print the table and the lines that read the results.

    Parameters
    ----------
    console : Console
        Where to print.
    report : Report
        The report of the published run.
    folder : Path
        Folder of the local copies.
    cluster : str
        Id and state of the cluster. Empty when the run had nothing to do: then no task has a line.
    seconds : float
        Duration of the demo.
    """
    console.print()
    for name, value in (*_results(report), *_run(report, cluster, seconds), *_places(report, folder)):
        console.print(f"{name:<{NAMES}}{value}", highlight=False, markup=False, soft_wrap=True)
    console.print(
        "\nRead the vectors with .verger/venv/dev/bin/python, or any Python with pandas and pyarrow:\n", soft_wrap=True
    )
    console.print("  import pandas", highlight=False)
    console.print(f'  pandas.read_parquet("{folder / "pca"}")\n', highlight=False, markup=False, soft_wrap=True)


def _results(report: Report) -> Iterator[tuple[str, str]]:
    yield "photos", f"{report['inventory'] or 0:,} listed, {report['photos'] or 0:,} published"
    reasons = ", ".join(f"{reason}: {count:,}" for reason, count in report["rejects"].items())
    yield "rejected photos", f"{report['rejected'] or 0:,}" + (f"  ({reasons})" if reasons else "")
    yield "components", f"k = {report['k'] or 0:,}"
    variance, target = report["explained_variance"] or 0.0, report["target_variance"] or 0.0
    yield "explained variance", f"{variance:.4f}  (target {target:g})"
    yield "PCA basis", f"{'kept' if report['basis_kept'] else 'fitted'}: {report['basis_reason']}"
    checks = [check for rows in report["checks"].values() for check in rows]
    yield "checks", f"{sum(check['passed'] for check in checks)} of {len(checks)} passed"
    yield from _aligned("warnings", report["warnings"] or ["none"])
    model = report["model"] or {}
    weights = model.get("weights", "unknown")
    yield "model", f"MobileNetV2, {weights} weights, preprocessing {model.get('preprocessing', 'unknown')}"
    if weights != "imagenet":
        yield "MODEL WEIGHTS", f"{weights}: the vectors have no meaning"


def _run(report: Report, cluster: str, seconds: float) -> Iterator[tuple[str, str]]:
    if cluster:
        yield "reason of the run", report["why"]
        yield "cluster", cluster
        tasks = [f"{name:<20}{taken:7.1f} s" for name, taken in seconds_by_task(report["tasks"]).items()]
        yield from _aligned("tasks", tasks)
    else:
        yield "cluster", "none: no photo has changed; `make demo FULL_REFRESH=1` featurizes all photos"
    yield "duration of the demo", f"{seconds:.0f} s"


def _places(report: Report, folder: Path) -> Iterator[tuple[str, str]]:
    yield from _aligned("PCA coordinates", report["locations"]["projections"])
    yield "  local copy", str(folder / "pca")
    yield "report", str(report["locations"]["report"])
    yield "  local copy", str(folder / "report" / "report.html")


def _aligned(name: str, values: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the values below each other, the first one beside the name."""
    for number, value in enumerate(values):
        yield ("" if number else name), value
