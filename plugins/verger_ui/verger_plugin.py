"""The Airflow plugin. Every Airflow process imports it, so heavy imports wait until the API server needs the pages."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from verger_ui.addresses import DAG_RUN_ROUTE, PREFIX, ROUTE, root
from verger_ui.links import RunLink, SparkHistoryLink, StepLogsLink


class VergerPlugin(AirflowPlugin):
    """Adds Verger's page to the navigation and to the DAG runs, and links to the tasks of its DAG."""

    name = "verger"
    external_views = [  # noqa: RUF012 (Airflow declares the attribute so)
        {
            "name": "Verger",
            "href": f"{root()}{PREFIX}/",
            "url_route": ROUTE,
            "destination": "nav",
            "nav_top_level": True,
            "icon": f"{root()}{PREFIX}/icon.svg",
        },
        {  # A tab of every DAG run: Airflow cannot limit it to one DAG. Airflow fills in the ids.
            "name": "Run in Verger",
            "href": f"{root()}{PREFIX}/dag-run?dag={{DAG_ID}}&run={{RUN_ID}}",
            "url_route": DAG_RUN_ROUTE,
            "destination": "dag_run",
            "icon": f"{root()}{PREFIX}/icon.svg",
        },
    ]
    global_operator_extra_links = [RunLink(), StepLogsLink(), SparkHistoryLink()]  # noqa: RUF012

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The app of the pages, which only the API server reads."""
        from verger_ui.app import create_app

        return [{"app": create_app(), "url_prefix": PREFIX, "name": "Verger"}]
