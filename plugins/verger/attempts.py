"""Which attempt of each step wrote the output of a run, and the refusal of an output by a check.

A step may be submitted several times in a run. Its metrics name the attempt that completed (see
`verger_contract.metrics`).
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from verger.context import RunContext
from verger.s3.clients import error_code
from verger.validation.check import ValidationError
from verger_contract.metrics import REFUSED, RUNNING
from verger_contract.verification.verdict import VERIFY_FEATURES, VERIFY_PCA

VERIFICATIONS = {VERIFY_FEATURES: "check_features", VERIFY_PCA: "check_projections"}
"""The task of each verification step: it submits the step and waits for it."""


def completed(run_context: RunContext, step: str) -> dict[str, Any]:
    """Return the metrics of a step that has completed.

    Parameters
    ----------
    step
        `featurize` or `pca`, or a verification step, whose metrics are its verdict.

    Raises
    ------
    ValidationError
        There are none, or they are malformed, or the newest attempt of the step has not completed.
    """
    key = run_context.run.metrics(step)
    try:
        found = run_context.read_json(key)
    except ValueError as error:
        found, problem = error, f"no JSON ({error})"
    if isinstance(found, dict) and RUNNING not in found:
        return found
    if found is None:
        task = VERIFICATIONS.get(step, f"{step}_done")
        problem = f"none: {task} was marked as success, or the object was deleted"
    elif isinstance(found, dict):
        problem = "that the newest attempt of the step has not completed"
    elif not isinstance(found, ValueError):
        problem = "something else"
    raise ValidationError(
        f"{run_context.run.uri(key)}: expected the metrics that the step {step} writes when it has completed, found "
        f"{problem}; clear {VERIFICATIONS.get(step, step)} with its downstream tasks"
    )


def with_attempts(run_context: RunContext, *steps: str) -> RunContext:
    """Return the context with the keys of what the steps wrote.

    Raises
    ------
    ValidationError
        As `completed`.
    """
    attempts = {f"{step}_attempt": str(completed(run_context, step).get("attempt", "")) for step in steps}
    return replace(run_context, run=replace(run_context.run, **attempts))


def refuse(run_context: RunContext, step: str, reason: str) -> None:
    """Record in the metrics that a check refused the output of a step: the step does not adopt it when it is repeated.

    Nothing is recorded when another attempt has started, or when there are no metrics.
    """
    from botocore.exceptions import ClientError

    client, run = run_context.client, run_context.run
    try:
        answer = client.get_object(Bucket=run.bucket, Key=run.metrics(step))
        metrics = json.loads(answer["Body"].read())
        body = json.dumps({**metrics, REFUSED: reason}, indent=1, ensure_ascii=False).encode()
        if RUNNING not in metrics:
            client.put_object(Bucket=run.bucket, Key=run.metrics(step), Body=body, IfMatch=answer["ETag"])
    except (ValueError, TypeError, client.exceptions.NoSuchKey):
        return
    except ClientError as error:
        if error_code(error) not in ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "404"):
            raise
