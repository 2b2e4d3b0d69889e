"""Reads what the verification steps found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verger.attempts import completed
from verger.context import RunContext
from verger.validation.check import ValidationError
from verger_contract.check import Check
from verger_contract.verdict import VERIFY_FEATURES

TASKS = {True: "check_features", False: "check_projections"}


@dataclass(frozen=True)
class Found:
    """A verdict (see `verger_contract.verdict.Verdict`)."""

    checks: list[Check]
    file_lists: Mapping[str, str]
    measured: Mapping[str, Any] | None


def read(run_context: RunContext, step: str) -> Found:
    """Return the verdict of a verification step on the attempts that the run uses.

    Parameters
    ----------
    run_context
        Its run has the attempts of the steps.
    step
        `verify_features` or `verify_pca`.

    Raises
    ------
    ValidationError
        There is none, it is malformed, or it is about other attempts.
    """
    run, found = run_context.run, completed(run_context, step)
    task = TASKS[step == VERIFY_FEATURES]
    used = {"featurize": run.featurize_attempt}
    if step != VERIFY_FEATURES:
        used["pca"] = run.pca_attempt
    try:
        verified, checks = found["verified"], [Check(**row) for row in found["checks"]]
        lists, measured = dict(found["file_lists"]), found["measured"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValidationError(
            f"{run.uri(run.metrics(step))}: expected a verdict, found something else "
            f"({type(error).__name__}: {error}); clear create_cluster and the tasks downstream of it"
        ) from error
    if verified != used:
        raise ValidationError(
            f"{run.uri(run.metrics(step))}: expected the verdict on the attempts {used}, found that on {verified}: "
            f"another attempt has completed since; nothing is published: clear {task} and all that follows it"
        )
    return Found(checks, lists, measured)
