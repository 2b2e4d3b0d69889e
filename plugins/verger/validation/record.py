"""Keeps the rows of both check tasks in runs/<id>/validation.json."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from verger.s3.clients import read_json, write_json
from verger.validation.check import Check, ValidationError, failure_message
from verger_contract.keys import Run


def record(s3: Any, run: Run, table: str, checks: Sequence[Check]) -> None:
    """Put the rows of one table (`features` or `pca`) beside those of the other.

    Raises ValidationError, after writing, when any row failed.
    """
    rows = read_json(s3, run.bucket, run.validation) or {}
    rows[table] = [dataclasses.asdict(check) for check in checks]
    write_json(s3, run.bucket, run.validation, rows)
    message = failure_message(checks, run.uri(run.validation))
    if message:
        raise ValidationError(message)


def counted(rows: Mapping[str, Sequence[Mapping[str, Any]]], table: str) -> dict[str, Any]:
    """What the checks of a table counted, by name, out of the rows of validation.json."""
    return {name: value for row in rows.get(table, ()) for name, value in row["counted"].items()}
