"""The address of a step in Spark's history server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from verger_contract.keys import Run
from verger_ui.addresses import APPLICATION

if TYPE_CHECKING:
    from verger_ui.sources.bucket import Bucket


def application(bucket: Bucket, run: str, step: str) -> str:
    """Return the id of the Spark application of an ended step; empty before its end."""
    return application_of(bucket.json(Run(bucket.name, run).metrics(step)))


def application_of(metrics: Mapping[str, Any] | None) -> str:
    """Return the id of the Spark application from the metrics of a step.

    A step writes its metrics at its end. Before that, the history server has no events of it.
    """
    return str((metrics or {}).get("application") or "")


def link(base: str, application: str) -> str:
    """Return the address; empty without a server or a valid application id."""
    if not base or not re.fullmatch(APPLICATION, application):
        return ""
    return f"{base.rstrip('/')}/history/{application}/"
