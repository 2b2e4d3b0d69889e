"""Reads plan.json."""

from __future__ import annotations

from verger_contract.errors import VergerError
from verger_contract.plan import StepPlan
from verger_spark.io import storage


def read(uri: str) -> StepPlan:
    """Return the plan that lies at `uri` as JSON.

    Raises
    ------
    VergerError
        The file does not exist or is not a plan.
    """
    document = storage.read_json(uri)
    try:
        return StepPlan.parse(document)
    except (KeyError, TypeError, ValueError) as error:
        raise VergerError(
            f"{uri}: expected a plan (run, photos, features, deletes, basis), found something else "
            f"({type(error).__name__}: {error}); start a new run, with the DAG and the steps of one version"
        ) from None
