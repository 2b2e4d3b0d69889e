"""What a scheduled run with few new photos costs: the whole DAG three times over real photos, on local AWS.

    python -m benchmarks.incremental [--images ZIP] [--photos N ...]  (in the dev environment; `make bench-incremental`)

The first run publishes N photos. Before the second run 7 photos are added, 3 are changed and 5 are deleted. Before the
third run nothing changes. This is done for each N. Every figure is from report.json, the metrics of the steps and EMR's
list of steps, but the seconds of the whole run. The seconds of the parts of each step are printed.
Prints a table and writes it into benchmarks/README.md after each run.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from obstore.store import S3Store

from benchmarks.harness import local_stack, tables
from benchmarks.harness.dag_runs import Airflow, DagRun
from benchmarks.harness.places import PHOTOS, README
from sample_photos.albums import Album
from verger_contract import keys
from verger_contract.verification.verdict import VERIFY_FEATURES, VERIFY_PCA

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient

NEW, CHANGED, DELETED = 7, 3, 5
STARTUP, CLUSTER_START = "startup", ("create_cluster", "cluster_ready")
STEP_1, STEP_2 = "featurize", "pca"
AGAINST = "step 2 and verification against step 2 of the first run"
AIRFLOW_START, PROCESSES = "start of Airflow, s", "start and end of the steps' processes, s"
Parts = Mapping[str, Mapping[str, float]]
Processes = Mapping[str, float]


@dataclass(frozen=True)
class Step:
    """A step on the cluster: its column, its tasks in Airflow, and the name of its metrics, which have `seconds`."""

    name: str
    tasks: tuple[str, ...]
    metrics: str


STEPS = (
    Step("step 1", ("featurize", "featurize_done"), STEP_1),
    Step("verification of features", ("check_features",), VERIFY_FEATURES),
    Step("step 2", ("pca", "pca_done"), STEP_2),
    Step("verification of coordinates", ("check_projections",), VERIFY_PCA),
)
"""In the order of the columns. A step counts from its submission to its end."""

BUCKET = "verger-bench-incremental"
Photos = list[tuple[str, bytes]]


def main() -> None:
    """Read the command line, run the DAG, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=PHOTOS, help="folder or zip of <label>/<photo>")
    parser.add_argument("--photos", type=int, nargs="+", default=[700, 23_612], help="photos of the first run")
    parser.add_argument("--page", type=Path, default=README, help="page to write into")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []

    def record(name: str, run: DagRun, parts: Parts, processes: Processes, first: Parts | None = None) -> None:
        rows.append(row(name, run, parts, processes, first))
        tables.write("incremental", rows, arguments.page)
        print(*(f"{step}: {seconds}" for step, seconds in parts.items()), sep="\n", flush=True)

    for count in arguments.photos:
        run_three_times(arguments.images, count, record)


def run_three_times(images: Path, count: int, record: Callable[..., None]) -> None:
    """Run the DAG three times over `count` photos and call `record` after each run."""
    photos = list(Album(images, count + NEW).files())
    late = {name for name, _ in photos[:: len(photos) // NEW][:NEW]}
    early = [(name, content) for name, content in photos if name not in late]
    with local_stack.local_stack() as stack:
        store = local_stack.open_bucket(stack, BUCKET)
        emr = stack.client("emr")
        airflow = Airflow(BUCKET, store, stack.environment())
        local_stack.empty(store)
        airflow.prepare()
        put(store, early)
        run = airflow.run()
        first = parts_of(store, run)
        record(f"{count:,} photos, nothing published", run, first, processes_of(emr))
        put(store, [(name, content) for name, content in photos if name in late])
        put(store, [(name, other) for (name, _), (_, other) in zip(early[:CHANGED], early[100:], strict=False)])
        obstore.delete(store, [f"images/{name}" for name, _ in early[-DELETED:]])
        run = airflow.run()
        record(f"{NEW} new, {CHANGED} changed, {DELETED} deleted", run, parts_of(store, run), processes_of(emr), first)
        record("nothing new", airflow.run(), {}, {})
        local_stack.empty(store)


def parts_of(store: S3Store, run: DagRun) -> Parts:
    """Return the seconds of the parts of each step, by the name of its metrics; empty if the run published nothing."""
    if run.report is None:
        return {}
    keys_of = keys.Run("", run.report["run"])
    return {
        step.metrics: json.loads(local_stack.read(store, keys_of.metrics(step.metrics)))["seconds"] for step in STEPS
    }


def row(name: str, run: DagRun, parts: Parts, processes: Processes, first: Parts | None = None) -> dict[str, Any]:
    """Return a row of the table.

    Parameters
    ----------
    name : str
    run : DagRun
    parts : mapping of str to (mapping of str to float)
        See `parts_of`.
    processes : mapping of str to float
        See `processes_of`.
    first : mapping, optional
        The same of the first run over the same photos.
    """
    found: dict[str, Any] = {"run": name, "featurized": 0}
    found |= {f"{step.name}, s (its own work)": "" for step in STEPS}
    found |= {
        AGAINST: "",
        "whole run, s": f"{run.seconds:.1f}",
        AIRFLOW_START: "",
        "start of the cluster, s": "",
        PROCESSES: "",
        "the rest, s": "",
    }
    if (report := run.report) is None:
        return found | {f"{STEPS[0].name}, s (its own work)": "no cluster"}
    tasks, own = {task["task"]: task["seconds"] for task in report["tasks"]}, work(parts)
    for step in STEPS:
        whole = sum(tasks[task] for task in step.tasks)
        found[f"{step.name}, s (its own work)"] = f"{whole:.1f} ({own[step.metrics]:.1f})"
    if first:
        found[AGAINST] = f"{sum(own[name] for name in own if name != STEP_1) / work(first)[STEP_2]:.2f}"
    cluster = sum(tasks[task] for task in CLUSTER_START)
    around = sum(processes[name] - own[name] for name in own)
    found |= {"featurized": report["featurized"] or 0, "start of the cluster, s": f"{cluster:.1f}"}
    rest = run.seconds - run.start_seconds - cluster - around
    return found | {AIRFLOW_START: f"{run.start_seconds:.1f}", PROCESSES: f"{around:.1f}", "the rest, s": f"{rest:.1f}"}


def processes_of(emr: EMRClient) -> Processes:
    """Return the seconds of the process of each step on the newest cluster, by the name of its metrics."""
    newest = max(emr.list_clusters()["Clusters"], key=lambda found: found["Status"]["Timeline"]["CreationDateTime"])
    steps = emr.list_steps(ClusterId=newest["Id"])["Steps"]
    timelines = {step["Name"].split()[0]: step["Status"]["Timeline"] for step in steps}
    return {name: (found["EndDateTime"] - found["StartDateTime"]).total_seconds() for name, found in timelines.items()}


def work(parts: Parts) -> dict[str, float]:
    """Return the seconds of each step's own work, without the start of Spark."""
    return {name: seconds["total"] - seconds[STARTUP] for name, seconds in parts.items()}


def put(store: S3Store, photos: Photos) -> None:
    """Upload photos to images/."""
    for name, content in photos:
        obstore.put(store, f"images/{name}", content)


if __name__ == "__main__":
    main()
