"""Runs one task of the DAG as a process of its own, so that its time, CPU time and memory can be measured.

    python -m benchmarks.scheduled.stage TASK STATE       (in the airflow environment)

STATE is a JSON file: the id of the run, the results of its earlier tasks, and their seconds. It stands for Airflow's
XComs. The task is the function that the DAG calls.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.scheduled.drawn_photos import TARGET, DrawnPhotos
from verger import checks, tasks
from verger.changes.params import RunParams
from verger.changes.plan import Plan
from verger.context import RunContext
from verger.emr.steps import requests
from verger.publication import commit
from verger.publication.vacuum import vacuum
from verger.settings import Settings
from verger.tables.parquet import upload, write_batches
from verger_contract.schemas import INVENTORY
from verger_contract.verification.verdict import VERIFY_FEATURES, VERIFY_PCA

State = dict[str, Any]
CORES = "2"
PARAMS = RunParams(basis="auto", target_variance=TARGET)


def list_images(context: RunContext, state: State) -> State:
    """List the bucket."""
    return {"etag": tasks.list_images(context, _now())}


def drawn_inventory(context: RunContext, state: State) -> State:
    """Write the inventory of drawn photos, of which only those in `stored` are in the bucket."""
    base = commit.start_run(context.client, context.run, _now())
    stored = {path: (etag, size) for path, (etag, size) in state["stored"].items()}
    batches = DrawnPhotos(state["drawn"]).inventory(frozenset(state["deleted"]), stored)
    with upload(context.client, context.run.bucket, context.run.inventory) as path:
        write_batches(path, INVENTORY, batches)
    return {"etag": base.etag if base else None}


def plan(context: RunContext, state: State) -> State:
    """Compare the photos with the published manifest, and plan the run."""
    made = tasks.plan(context, state["etag"], PARAMS, _now())
    if not made.work:
        raise SystemExit(f"expected work, found none: {made.why}")
    return {"plan": dataclasses.asdict(made)}


def stage_artifacts(context: RunContext, state: State) -> State:
    """Upload the artifact set unless the bucket has it, and return the arguments of the steps too."""
    staged, made = tasks.stage_artifacts(context, _plan(state)), _plan(state)
    settings, run, at = context.settings, context.run, staged["uri"]
    of_checks: Any = {"decoding": made.decoding, "target_variance": str(TARGET), "cores": CORES}
    steps = {
        "featurize": requests.featurize(settings, run, at, made.decoding, CORES),
        VERIFY_FEATURES: requests.verify(settings, run, at, VERIFY_FEATURES, **of_checks),
        "pca": requests.pca(settings, run, at, str(TARGET), CORES),
        VERIFY_PCA: requests.verify(settings, run, at, VERIFY_PCA, **of_checks),
    }
    return {"staged": staged, "steps": {name: _command(request) for name, request in steps.items()}}


def check_features(context: RunContext, state: State) -> State:
    """Read the verdict on the output of step 1, and write the manifest."""
    checks.check_features(context, _plan(state))
    return {}


def check_projections(context: RunContext, state: State) -> State:
    """Read the verdict on the output of step 2."""
    checks.prepare_projections_check(context, _plan(state))
    checks.check_projections(context, _plan(state))
    return {}


def publish(context: RunContext, state: State) -> State:
    """Publish the run."""
    publication = tasks.publish_run(context, _plan(state), state["staged"], _now())
    return {"published": publication.current.photos}


def vacuum_bucket(context: RunContext, state: State) -> State:
    """Delete what no snapshot names."""
    vacuum(context.client, context.run, context.settings.retention, _now())
    return {}


TASKS: Mapping[str, Callable[[RunContext, State], State]] = {
    "list_images": list_images,
    "drawn_inventory": drawn_inventory,
    "anything_to_do": plan,
    "stage_artifacts": stage_artifacts,
    "check_features": check_features,
    "check_projections": check_projections,
    "publish": publish,
    "vacuum": vacuum_bucket,
}


def _command(request: Mapping[str, Any]) -> list[str]:
    """Return the script of a step, and its arguments."""
    words = request["HadoopJarStep"]["Args"]
    script = next(place for place, word in enumerate(words) if word.endswith(".py"))
    return [words[script].rpartition("/")[2], *words[script + 1 :]]


def _plan(state: State) -> Plan:
    return Plan.of(state["plan"])


def _now() -> datetime:
    return datetime.now(UTC)


def main() -> None:
    """Run a task, and add its result to the state."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("state", type=Path)
    arguments = parser.parse_args()
    importlib.import_module("airflow.sdk.exceptions")  # the process of a task has Airflow's modules
    state: State = json.loads(arguments.state.read_text())
    context = RunContext.of(Settings.from_environment(), state["run"])
    started = time.monotonic()
    state |= TASKS[arguments.task](context, state)
    state["seconds"] = {**state.get("seconds", {}), arguments.task: time.monotonic() - started}
    arguments.state.write_text(json.dumps(state))


if __name__ == "__main__":
    main()
