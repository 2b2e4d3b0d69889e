"""Train a classifier on the published vectors after each run of `fruit_features`: an example for consumers.

Put a DAG like this one into your own Airflow. It needs pyarrow, numpy and `verger_reader.py` on the Python path, for
example beside it in the DAG folder. The environment variable `VERGER_BUCKET` names the bucket. The credentials come
from the environment.

**What it reads.** The publication that triggered the run, also when a later one exists. A run that is started by hand
reads the current publication. The task is skipped when everything was unpublished.

**What it returns.** The run that published the vectors, the number of photos, and the accuracy: the share of the
held-out photos whose label the classifier predicts. A hash of the path selects the held-out photos, so the results of
two runs can be compared.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Asset, task
from airflow.sdk.exceptions import AirflowSkipException

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from verger_reader import Publication

ROOT = f"s3://{os.environ['VERGER_BUCKET']}"
# Name and URI of the producer's asset. With Asset.ref(name=...) Airflow 3.3 also starts the DAG, but passes no events
# to its tasks.
PUBLICATION = Asset("fruit_features", uri=f"{ROOT}/published.json")
HELD_OUT = 0.2
"""Share of the photos that measure the classifier. It is not trained on them."""

log = logging.getLogger(__name__)


def triggering_run(events: Mapping[Any, Sequence[Any]] | None) -> str | None:
    """Return the run id of the newest publication among the events that triggered this DAG run; None without events.

    Parameters
    ----------
    events : mapping or None
        Airflow's `triggering_asset_events`: lists of events by asset.
    """
    published = [event for of_asset in (events or {}).values() for event in of_asset]
    newest = max(published, key=lambda event: event.timestamp, default=None)
    return newest.extra.get("run") if newest else None


def measure(published: Publication) -> dict[str, Any]:
    """Train a nearest-centroid classifier on one part of the photos and measure it with the other part.

    Returns
    -------
    dict
        run, photos, labels, held_out (numbers of photos), accuracy (share of the held-out photos).

    Raises
    ------
    ValueError
        One of the two parts has no photos.
    """
    import numpy

    from verger_reader import matrix

    table = published.pca()
    vectors, labels = matrix(table["pca_features"]), numpy.array(table["label"].to_pylist())
    held_out = numpy.array([is_held_out(path) for path in table["path"].to_pylist()], dtype=bool)
    if held_out.all() or not held_out.any():
        raise ValueError(
            f"run {published.run}: {len(table)} photos are too few; expected photos to train on and others to measure"
        )
    names, centroids = train_centroids(vectors[~held_out], labels[~held_out])
    found = names[nearest(centroids, vectors[held_out])]
    return {
        "run": published.run,
        "photos": len(table),
        "labels": len(names),
        "held_out": int(held_out.sum()),
        "accuracy": float((found == labels[held_out]).mean()),
    }


def is_held_out(path: str) -> bool:
    """Return whether a photo is held out. The hash of its path decides, so every run holds out the same photos."""
    return int.from_bytes(hashlib.sha256(path.encode()).digest()[:4]) < HELD_OUT * 2**32


def train_centroids(vectors: NDArray[Any], labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the distinct labels and the mean vector of each: float64 (labels, k), from `vectors` (rows, k)."""
    import numpy

    names = numpy.unique(labels)
    return names, numpy.stack([vectors[labels == name].mean(axis=0) for name in names])


def nearest(centroids: NDArray[Any], vectors: NDArray[Any]) -> NDArray[Any]:
    """Return the index of the nearest centroid for each vector: int (rows,)."""
    # |v - c|² without |v|², which is the same for all centroids.
    distances: NDArray[Any] = (centroids**2).sum(axis=1) - 2 * vectors @ centroids.T
    closest: NDArray[Any] = distances.argmin(axis=1)
    return closest


with DAG(
    "fruit_classifier",
    description="Trains a classifier on the vectors of each new publication",
    doc_md=__doc__,
    schedule=[PUBLICATION],
    catchup=False,
    max_active_runs=1,
    tags=["verger", "example"],
):

    @task
    def train(triggering_asset_events: Any = None) -> dict[str, Any]:
        """Train and measure the classifier. Airflow passes the events that triggered the run."""
        from verger_reader import open_publication

        published = open_publication(ROOT, run=triggering_run(triggering_asset_events))
        if not published.photos:
            raise AirflowSkipException(f"{ROOT}: everything was unpublished, so there is nothing to train on")
        result = measure(published)
        log.info("run %(run)s: %(photos)d photos of %(labels)d labels, accuracy %(accuracy).3f", result)
        return result

    train()
