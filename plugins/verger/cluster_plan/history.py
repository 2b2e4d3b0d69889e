"""Reads how fast step 1 was in the last runs of the bucket, from the files that they left there."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from verger.cluster_plan.pace import EarlierRun
from verger.context import RunContext
from verger.publication import commit
from verger_contract.keys import Run

log = logging.getLogger(__name__)


def earlier_runs(run_context: RunContext, preprocessing: str) -> Iterator[EarlierRun]:
    """Yield step 1 of the runs whose snapshots are kept, the latest first.

    A run without cluster.json, which an earlier Verger has published, is left out.

    Parameters
    ----------
    run_context : RunContext
    preprocessing : str
        Only runs with this preprocessing count: another decoding has another speed.
    """
    bucket = run_context.run.bucket
    current = commit.current(run_context.client, bucket)
    kept = current.publication.kept if current else ()
    for snapshot in sorted(kept, key=lambda kept: kept.published_at, reverse=True):
        if snapshot.run and snapshot.model.get("preprocessing") == preprocessing:
            run = Run(bucket, snapshot.run)
            found = of_files(_parsed(run_context, run.cluster), _parsed(run_context, run.metrics("featurize")))
            if found:
                yield found


def _parsed(run_context: RunContext, key: str) -> Any:
    """Return a JSON object; None when there is none, or when it is damaged: an estimate stops no run."""
    try:
        return run_context.read_json(key)
    except ValueError:
        return None


def of_files(planned: Any, metrics: Any) -> EarlierRun | None:
    """Return step 1 of a run; None when a file is missing or not what it should be.

    Parameters
    ----------
    planned : object
        The parsed cluster.json, or None.
    metrics : object
        The parsed featurize.json, or None.
    """
    if not isinstance(planned, Mapping) or not isinstance(metrics, Mapping):
        return None
    try:
        return EarlierRun(
            photos=int(metrics["photos"]),
            bytes=int(planned["bytes"]),
            seconds=float(metrics["seconds"]["featurize"]),
            cores=float(planned["cores"]),
        )
    except (KeyError, TypeError, ValueError):
        log.info("the speed of an earlier run is not used: its cluster.json or featurize.json is incomplete")
        return None
