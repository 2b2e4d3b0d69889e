"""Checks, before publication, that the published tables are those that were verified."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from verger.validation.check import ValidationError
from verger_contract.keys import Run
from verger_contract.verification.check import files_check


def require_checked(run: Run, checks: Mapping[str, Iterable[Mapping[str, Any]]], prefixes: Iterable[str]) -> None:
    """Check that validation.json is about the tables that are published, and not about those of another attempt.

    Raises
    ------
    ValidationError
        A table was not checked.
    """
    checked = {row.get("name") for rows in checks.values() for row in rows}
    for prefix in prefixes:
        if files_check(prefix) not in checked:
            task = "check_projections" if prefix.startswith("pca/") else "check_features"
            raise ValidationError(
                f"{run.uri(run.validation)}: expected checks of {prefix}, found none: {task} was marked as success, or "
                "another attempt of the step has completed since; nothing is published: clear "
                f"{task} and all that follows it"
            )
