"""Writes the records of the steps that a run submitted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from verger.clock import now
from verger.s3.clients import write_json
from verger_contract.keys import Run
from verger_contract.step_record import StepRecord

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)


def write(client: Callable[[], S3Client], run: Run, step: str, cluster: str, step_ids: Iterable[str]) -> None:
    """Write one record for each submitted step.

    The records only serve the run's page. An error is logged as a warning and does not fail the task: the steps are
    submitted already, and a failed task would leave them unattended.

    Parameters
    ----------
    client : callable
        Returns the S3 client. It is called here so that its errors are also logged only.
    run : Run
    step : str
        featurize, verify_features, pca or verify_pca.
    cluster : str
        Id of the cluster.
    step_ids : iterable of str
        EMR's ids of the steps.
    """
    try:
        s3 = client()
        for step_id in step_ids:
            record = StepRecord(step, cluster, step_id, now().isoformat())
            write_json(s3, run.bucket, f"{run.steps}{step_id}.json", asdict(record))
    except Exception as error:  # noqa: BLE001 - any error, for the reason above
        log.warning("%s: no step record written, so the page of the run has no link to the log: %s", step, error)
