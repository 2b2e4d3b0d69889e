"""Writes the results of the checks to runs/<id>/validation.json, and reads them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from verger.s3.clients import read_json, write_json
from verger.validation.check import ValidationError, failure_message
from verger_contract.keys import Run
from verger_contract.verification.check import Check

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def record(s3: S3Client, run: Run, table: str, checks: Sequence[Check]) -> None:
    """Write the results for one table, and keep those for the other.

    Parameters
    ----------
    table
        `features` or `pca`.

    Raises
    ------
    ValidationError
        A check failed. The results are written before.
    """
    rows = read_json(s3, run.bucket, run.validation) or {}
    rows[table] = [dataclasses.asdict(check) for check in checks]
    write_json(s3, run.bucket, run.validation, rows)
    message = failure_message(checks, run.uri(run.validation))
    if message:
        raise ValidationError(message)


def counted(rows: Mapping[str, Sequence[Mapping[str, Any]]], table: str) -> dict[str, Any]:
    """Return all counts of the checks of a table.

    Parameters
    ----------
    rows
        validation.json.
    table
        `features` or `pca`.
    """
    return {name: value for row in rows.get(table, ()) for name, value in row["counted"].items()}
