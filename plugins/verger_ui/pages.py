"""Renders the templates. All values are escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: TID253 (only the API server imports this module)

from verger_contract.keys import owner
from verger_contract.photos import folder_of as folder
from verger_ui import formats
from verger_ui.addresses import DAG_PAGE, STEPS, dag_run_page, root
from verger_ui.views import trends
from verger_ui.views.durations import GROUPS, OTHER

FORMATS = ("count", "share", "decimal", "seconds", "money", "when", "stamp", "size")


@cache
def templates() -> Environment:
    """Return the templates with their filters."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {name: getattr(formats, name) for name in FORMATS}
    made.globals |= {"dag_page": DAG_PAGE, "dag_run_page": dag_run_page, "label_of": folder, "owner": owner}
    made.globals |= {
        "groups": [*GROUPS, OTHER],
        "step_count": len(STEPS),
        "airflow": root,
        "chart": {"width": trends.WIDTH, "height": trends.HEIGHT},
    }
    return made


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a rendered template. Its value `base` is the address of the pages, without a trailing slash."""
    base = request.scope["root_path"]
    return HTMLResponse(templates().get_template(template).render(base=base, **values), status)
