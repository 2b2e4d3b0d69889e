"""Runs and their reports, for the tests of the page."""

from __future__ import annotations

import io
import random
from typing import Any

from PIL import Image

from tests.plugins.html_page import Page
from tests.plugins.orchard import Orchard
from verger.context import RunContext
from verger.report import write
from verger.report.facts import AirflowFacts
from verger_contract.keys import Run
from verger_contract.report import Cost, TaskFacts

EVIL = "<script>alert(1)"
EVIL_FILE = '"><img src=x onerror=alert(1)>.jpg'
TASKS: list[TaskFacts] = [
    {
        "task": "list_images",
        "state": "success",
        "seconds": 1.3,
        "start": "2026-11-24T02:00:00+00:00",
        "end": "2026-11-24T02:00:01.300000+00:00",
    },
    {
        "task": "featurize_done",
        "state": "success",
        "seconds": 65.0,
        "start": "2026-11-24T02:01:00+00:00",
        "end": "2026-11-24T02:02:05+00:00",
    },
]
COST: Cost = {
    "clusters": ["j-1"],
    "node_hours": 1.5,
    "estimated_cost": 0.1234,
    "currency": "EUR",
    "nodes": [{"type": "c6i.xlarge", "market": "SPOT", "count": 2, "hours": 1.5}],
    "explanation": "Estimated from stated prices.",
}
AIRFLOW_FACTS = AirflowFacts(
    tasks=TASKS, params={"basis": "auto", "target_variance": 0.9}, cost=COST, versions={"Airflow": "3.3"}
)


def jpeg(seed: int) -> bytes:
    """A photo of one colour."""
    colours = random.Random(seed)
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), tuple(colours.randbytes(3))).save(buffer, "JPEG")
    return buffer.getvalue()


def context_of(orchard: Orchard, run: str) -> RunContext:
    return RunContext(Run(orchard.bucket, run), orchard.settings, orchard.client, orchard.store)


def reported(
    orchard: Orchard, run: str, airflow_facts: AirflowFacts = AIRFLOW_FACTS
) -> tuple[dict[str, Any], Page, str]:
    """Write the report of a published run. Returns report.json, the page, and the text of the page."""
    run_context = context_of(orchard, run)
    write.published(run_context, airflow_facts)
    answer = orchard.client.get_object(Bucket=orchard.bucket, Key=run_context.run.report)
    assert answer["ContentType"] == "text/html; charset=utf-8"
    text = answer["Body"].read().decode()
    return orchard.json(run_context.run.report_facts), Page(text), text
