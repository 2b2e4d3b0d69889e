"""The bucket of the trials, the local AWS with three nodes of YARN, and what a run of the DAG published."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import obstore
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from obstore.store import S3Store

from benchmarks.harness import local_stack
from benchmarks.harness.dag_runs import Airflow
from benchmarks.harness.places import FOLDER
from benchmarks.on_yarn import event_log
from local_aws.settings import S3_PORTS
from local_aws.stack import Stack
from sample_photos.albums import Album, synchronise
from sample_photos.orchard import draw_orchard
from verger_contract import keys
from verger_contract.report import Report

BUCKET = "verger-yarn-trial"
STATE = FOLDER / "yarn" / "aws"
FIRST_PORT = 18433
"""Other ports than those of the other benchmarks, which may run at the same time."""

NODES = 3
IMAGES = "images/"
KEPT = (IMAGES, "artifacts/")
SETTINGS = {
    "VERGER_CORE_ON_DEMAND": "1",
    "VERGER_TASK_SPOT": str(NODES - 1),
    "VERGER_WORKER_INSTANCE_TYPES": "c6i.xlarge",
}
"""Three workers of a type with 4 vCPUs, which gives YARN the least memory of all default types."""

DRAWN = 600


@dataclass(frozen=True)
class Trial:
    """A running local AWS, the bucket with the photos, and an Airflow that runs the DAG over it."""

    stack: Stack
    store: S3Store
    airflow: Airflow

    def run(self) -> tuple[float, Report]:
        """Run the DAG in a bucket that has photos only; return its seconds and its report.

        Raises
        ------
        SystemExit
            The run failed or published nothing. The message names the log.
        """
        empty(self.store)
        run = self.airflow.run()
        if run.report is None:
            raise SystemExit(f"the DAG run published nothing; see {self.airflow.log}")
        return run.seconds, run.report


@contextlib.contextmanager
def trial(
    album: Album,
    cluster: str,
    settings: Mapping[str, str] | None = None,
    *,
    state: Path = STATE,
    first_port: int = FIRST_PORT,
) -> Iterator[Trial]:
    """Run local AWS with the photos of an album while the body runs.

    Parameters
    ----------
    album : Album
    cluster : str
        `yarn` or `local`.
    settings : mapping of str to str, optional
        Settings of Verger that replace or extend SETTINGS.
    state : Path, optional
        The state folder of local AWS.
    first_port : int, optional
        The first of nine ports of local AWS.
    """
    ports = {"s3_port": first_port, "emr_port": first_port + S3_PORTS}
    with local_stack.local_stack(state, **ports, cluster=cluster, yarn_nodes=NODES) as stack:
        store = local_stack.open_bucket(stack, BUCKET)
        synchronise(store, IMAGES, album)
        airflow = Airflow(BUCKET, store, {**stack.environment(), **SETTINGS, **(settings or {})})
        airflow.prepare()
        yield Trial(stack, store, airflow)


def album_of(images: Path | None, limit: int | None) -> Album:
    """Return the album of a folder or zip file of photos, of drawn photos without one."""
    if images is not None:
        return Album(images, limit)
    folder = FOLDER / "yarn" / f"orchard-{limit or DRAWN}"
    if not folder.exists():
        partial = folder.with_suffix(".part")
        draw_orchard(partial, limit or DRAWN)
        partial.rename(folder)
    return Album(folder, drawn=True)


def empty(store: S3Store) -> None:
    """Delete everything in the bucket but the photos and the artifact sets."""
    for batch in obstore.list(store):
        if outdated := [item["path"] for item in batch if not item["path"].startswith(KEPT)]:
            obstore.delete(store, outdated)


def published(store: S3Store) -> keys.Run:
    """Return the keys of the published run, with the attempts of its steps."""
    current = json.loads(local_stack.read(store, keys.PUBLISHED))
    return keys.Run(BUCKET, current["run"], keys.attempt_of(current["rejects"]), current["pca_attempt"])


def coordinates(store: S3Store) -> tuple[list[str], NDArray[np.float64]]:
    """Return the paths of all photos and their coordinates, shape (photos, k), sorted by path.

    The published run is the first of its bucket (see `Trial.run`): it wrote all coordinates.
    """
    files = local_stack.keys(store, published(store).pca, ".parquet")
    tables = [
        pq.read_table(io.BytesIO(local_stack.read(store, key)), columns=["path", "pca_features"]) for key in files
    ]
    table = pa.concat_tables(tables).sort_by("path").combine_chunks()
    flat: NDArray[np.float64] = table["pca_features"].combine_chunks().flatten().to_numpy()
    return table["path"].to_pylist(), flat.reshape(len(table), -1)


def difference(one: tuple[list[str], NDArray[np.float64]], other: tuple[list[str], NDArray[np.float64]]) -> float:
    """Return the largest difference of a coordinate.

    Raises
    ------
    SystemExit
        The runs have other photos or other numbers of components.
    """
    if one[0] != other[0] or one[1].shape != other[1].shape:
        raise SystemExit(f"coordinates: expected equal photos and shapes, found {one[1].shape} and {other[1].shape}")
    return float(np.abs(one[1] - other[1]).max())


def metrics(store: S3Store, step: str) -> dict[str, Any]:
    """Return the metrics of a step of the published run."""
    found: dict[str, Any] = json.loads(local_stack.read(store, published(store).metrics(step)))
    return found


def application(store: S3Store, step: str) -> event_log.Application:
    """Return what the event log of a step of the published run says: nothing if the step started no application."""
    name = metrics(store, step)["application"]
    return event_log.read(store, name) if name else event_log.Application({}, 0.0)
