"""Reads from the bucket what a notification says about a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from verger.emr.cost import in_words
from verger.notifications.message import RunEnd
from verger.publication import commit
from verger.run_id import run_id
from verger.s3 import clients
from verger_contract.keys import Run, owner

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def read(s3: S3Client, bucket: str, dag_run: str, *, succeeded: bool, reason: str) -> RunEnd:
    """Return what the bucket says about a DAG run that has ended.

    Parameters
    ----------
    s3 : S3Client
    bucket : str
    dag_run : str
        Airflow's id.
    succeeded : bool
        The DAG run has the state success.
    reason : str
        Airflow's reason.
    """
    run = Run(bucket, run_id(dag_run))
    current = commit.current(s3, bucket)
    named = map(owner, current.publication.named) if current else ()
    published = run.id in named
    report = _json(s3, bucket, run.report_facts if published else run.failure)
    failed = _json(s3, bucket, run.failure)
    failure = failed.get("failure") or {}
    return RunEnd(
        run=run.id,
        dag_run=dag_run,
        succeeded=succeeded,
        published=published,
        stopped=failed.get("state") == "stopped",
        current=(current.publication.current.run or "") if current else "",
        task=str(failure.get("task") or ""),
        error=str(failure.get("error") or ""),
        reason=reason,
        warnings=tuple(report.get("warnings") or ()) if succeeded else (),
        cost=in_words(report["cost"]) if report.get("cost") else "",
        report=run.uri(run.report) if report else "",
    )


def _json(s3: S3Client, bucket: str, key: str) -> dict[str, Any]:
    found = clients.read_json(s3, bucket, key)
    return found if isinstance(found, dict) else {}
