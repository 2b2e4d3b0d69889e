"""The address of a step in Spark's history server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from verger_contract.keys import Run
from verger_ui.addresses import APPLICATION

if TYPE_CHECKING:
    from verger_ui.sources.bucket import Bucket


def application(bucket: Bucket, run: str, stage: str) -> str:
    """The id of the stage's Spark application, once the step has ended; empty before."""
    return application_of(bucket.json(Run(bucket.name, run).metrics(stage)))


def application_of(metrics: Mapping[str, Any] | None) -> str:
    """The same, from the stage's metrics. They are a step's last word: while it runs, its events are on no server."""
    return str((metrics or {}).get("application") or "")


def link(base: str, application: str) -> str:
    """Empty without a server or an application, and for an id that is none."""
    if not base or not re.fullmatch(APPLICATION, application):
        return ""
    return f"{base.rstrip('/')}/history/{application}/"
