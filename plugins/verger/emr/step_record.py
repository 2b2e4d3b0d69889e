"""Which steps a run submitted, and to which cluster: what leads from a run to the logs of its steps."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from verger.clock import now
from verger.s3.clients import write_json
from verger_contract.keys import Run

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StepRecord:
    """A step of EMR: the stage of the DAG that submitted it, its cluster, its id, and when (ISO 8601, UTC)."""

    stage: str
    cluster: str
    step: str
    submitted_at: str


def write(client: Callable[[], Any], run: Run, stage: str, cluster: str, steps: Iterable[str]) -> None:
    """Leave one object for each step in the run's folder. It is a courtesy: failing to is said, and harms nothing.

    `client` makes the one of S3.
    """
    try:
        s3 = client()
        for step in steps:
            record = StepRecord(stage, cluster, step, now().isoformat())
            write_json(s3, run.bucket, f"{run.steps}{step}.json", asdict(record))
    except Exception as error:  # the steps are submitted: a task that failed now would leave them without a watcher
        log.warning("the page of the run will not find the logs of %s: %s", stage, error)
