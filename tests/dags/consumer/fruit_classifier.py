"""
# fruit_classifier

What Verger is for, in small: whenever `fruit_features` has published, train a classifier on the new vectors, and say
how good it is. A DAG like this one lives with those who use the vectors. It needs pyarrow, numpy and `verger_reader.py`
on its path (beside it in the DAG folder will do). `VERGER_BUCKET` names the bucket; credentials come from the
environment.

**What it reads.** The publication that triggered it, even when another one has followed meanwhile; the current one when
it is started by hand. Nothing to train on after everything was unpublished: then it skips.

**What it returns.** The run that published the vectors, how many photos, and the share of held-out photos whose label
is found. Which photos are held out depends on their path alone, so that two nights compare.
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
# The producer's name and URI, not Asset.ref(name=...): Airflow 3.3 starts a DAG that is scheduled on a reference, but
# does not tell it by which event.
PUBLICATION = Asset("fruit_features", uri=f"{ROOT}/published.json")
HELD_OUT = 0.2
"""Share of the photos that the classifier is measured with, and not trained on."""

log = logging.getLogger(__name__)


def triggering_run(events: Mapping[Any, Sequence[Any]] | None) -> str | None:
    """The run that made the newest of the publications that triggered this DAG run; None when none did."""
    published = [event for of_asset in (events or {}).values() for event in of_asset]
    newest = max(published, key=lambda event: event.timestamp, default=None)
    return newest.extra.get("run") if newest else None


def measure(published: Publication) -> dict[str, Any]:
    """Train on the published vectors. Returns run, photos, labels, held_out (photos) and accuracy (share of these).

    Raises ValueError when there are too few photos to train on some and to measure by others.
    """
    import numpy

    from verger_reader import matrix

    table = published.pca()
    vectors, labels = matrix(table["pca_features"]), numpy.array(table["label"].to_pylist())
    held_out = numpy.array([is_held_out(path) for path in table["path"].to_pylist()], dtype=bool)
    if held_out.all() or not held_out.any():
        raise ValueError(
            f"run {published.run}: {len(table)} photos are too few to train on some and measure with others"
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
    """By a hash of the path: the same answer every night, on every machine."""
    return int.from_bytes(hashlib.sha256(path.encode()).digest()[:4]) < HELD_OUT * 2**32


def train_centroids(vectors: NDArray[Any], labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The labels, and the mean of the vectors (rows, k) of each: float64 (labels, k)."""
    import numpy

    names = numpy.unique(labels)
    return names, numpy.stack([vectors[labels == name].mean(axis=0) for name in names])


def nearest(centroids: NDArray[Any], vectors: NDArray[Any]) -> NDArray[Any]:
    """Index of the centroid that is nearest to each vector: int (rows,)."""
    # |v - c|² less |v|², which is the same for all centroids.
    distances: NDArray[Any] = (centroids**2).sum(axis=1) - 2 * vectors @ centroids.T
    closest: NDArray[Any] = distances.argmin(axis=1)
    return closest


with DAG(
    "fruit_classifier",
    description="Trains a classifier on the vectors whenever Verger has published",
    doc_md=__doc__,
    schedule=[PUBLICATION],
    catchup=False,
    max_active_runs=1,
    tags=["verger", "example"],
):

    @task
    def train(triggering_asset_events: Any = None) -> dict[str, Any]:
        from verger_reader import open_publication

        published = open_publication(f"s3://{os.environ['VERGER_BUCKET']}", run=triggering_run(triggering_asset_events))
        if not published.photos:
            raise AirflowSkipException(
                f"{published.place.root}: everything was unpublished, there is nothing to train on"
            )
        result = measure(published)
        log.info("run %(run)s: %(photos)d photos of %(labels)d labels, accuracy %(accuracy).3f", result)
        return result

    train()
