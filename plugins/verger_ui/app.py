"""The pages as a FastAPI app, which Airflow's API server mounts. A user who may see the DAG's runs may see the pages.

Every endpoint is a plain function, which FastAPI runs in a thread: a request to S3 must not block the event loop.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi import Path as InPath
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from verger.report.map_script import POLICY
from verger.run_id import run_id
from verger.s3.errors import StorageError, UnavailableError
from verger.settings.fields import SettingsError
from verger_contract.keys import Run
from verger_ui import publication_routes
from verger_ui.addresses import CLUSTER_ID, DAG_ID, RUN_ID, STEP, STEP_ID, STREAM
from verger_ui.addresses import run_page as run_page_address
from verger_ui.pages import page, templates
from verger_ui.sources import airflow_runs
from verger_ui.sources.airflow_runs import AirflowRun
from verger_ui.sources.bucket import UnreadableError, bucket, renew, settings
from verger_ui.sources.step_logs import step_log
from verger_ui.views import in_progress
from verger_ui.views.overview import overview
from verger_ui.views.run_facts import State
from verger_ui.views.run_list import COLUMNS, PER_PAGE, Selection
from verger_ui.views.run_page import run_page, steps

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

log = logging.getLogger(__name__)

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'"
)
REPORT_POLICY = f"sandbox allow-scripts; {POLICY}"
"""Content security policy of a report, which shows names from users: it runs its own script alone, in an origin of its
own without cookies, and loads nothing."""
FRAME_POLICY = "; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
STATIC = Path(__file__).parent / "static"
ASSETS = {
    "verger.css": "text/css; charset=utf-8",
    "verger.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}

MOST_REQUESTS = 8
"""Requests in parallel. They use the threads of Airflow's own pages."""
_slots = threading.BoundedSemaphore(MOST_REQUESTS)

RunId = Annotated[str, InPath(pattern=RUN_ID)]
router = APIRouter()


def create_app() -> FastAPI:
    """Return the app. Airflow authorizes each request; there are no pages that document the API."""
    from botocore.exceptions import BotoCoreError, ClientError

    allowed = [Depends(requires_access_dag("GET", DagAccessEntity.RUN, DAG_ID))]
    made = FastAPI(
        title="Verger",
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_lifespan,
    )
    made.include_router(router, dependencies=[*allowed, Depends(_slot)])
    made.include_router(assets)
    made.middleware("http")(_with_headers)
    made.add_exception_handler(StarletteHTTPException, _http_error)
    made.add_exception_handler(RequestValidationError, _malformed)
    for kind in (
        StorageError,
        UnavailableError,
        BotoCoreError,
        ClientError,
        SettingsError,
        UnreadableError,
    ):
        made.add_exception_handler(kind, _storage_error)
    return made


async def _slot() -> AsyncIterator[None]:
    """Limit the requests in parallel. It is asynchronous, because a plain function would use a thread."""
    if not _slots.acquire(blocking=False):
        raise UnreadableError(f"{MOST_REQUESTS} pages are waiting for S3; reload the page in some seconds")
    try:
        yield
    finally:
        _slots.release()


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Make the S3 client and compile the templates at the start, so that the first page does not wait for them."""
    threading.Thread(target=_prepare, name="verger-ui", daemon=True).start()
    yield


def _prepare() -> None:
    for template in templates().list_templates():
        templates().get_template(template)
    try:
        bucket()
    except Exception as error:  # noqa: BLE001 (each page shows the error)
        log.warning("Verger's pages cannot read S3: %s", error)


async def _with_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    response.headers.setdefault("Content-Security-Policy", PAGE_POLICY + FRAME_POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


@router.get("/", response_class=HTMLResponse)
def show_overview(
    request: Request,
    number: Annotated[int, Query(alias="page", ge=1, le=1_000_000)] = 1,
    state: Annotated[str, Query(max_length=50)] = "",
    sort: Annotated[str, Query(max_length=50)] = "",
    *,
    descending: bool = False,
) -> Any:
    """Show all runs, or those of a state, newest first or sorted by a column."""
    found = overview(bucket(), settings(), number, Selection(state, sort, descending))
    return page(request, "overview.html", overview=found, storage=settings().storage, states=State, columns=COLUMNS)


@router.get("/in-progress", response_class=HTMLResponse)
def show_in_progress(request: Request, run: Annotated[str | None, Query(pattern=RUN_ID)] = None) -> Any:
    """Return the progress bars for the script of the page; 204 when the run (without one: any run) has ended."""
    found = in_progress.find(bucket(), run)
    return page(request, "in_progress.html", active=found) if found else Response(status_code=204)


@router.get("/dag-run")
def show_dag_run(
    request: Request,
    dag: Annotated[str, Query(max_length=250)],
    run: Annotated[str, Query(min_length=1, max_length=250)],
) -> Response:
    """Redirect from the tab of a DAG run to the page of the run."""
    if dag != DAG_ID:
        message = f"Verger shows the runs of the DAG {DAG_ID}. This run is one of the DAG {dag}."
        return page(request, "error.html", 404, title="Not a run of Verger", message=message)
    return RedirectResponse(f"{request.scope['root_path']}/{run_page_address(run_id(run))}", 303)


@router.get("/runs/{run}", response_class=HTMLResponse)
def show_run(request: Request, run: RunId) -> Any:
    """Show one run."""
    found = run_page(bucket(), run, settings())
    if found is None:
        raise HTTPException(404, f"There is no run {run}: neither on S3 nor among Airflow's runs.")
    return page(request, "run.html", run=found)


@router.get("/runs/{run}/report")
def show_report(run: RunId) -> Response:
    """Show the report of a run."""
    content = bucket().body(Run(bucket().name, run).report)
    if content is None:
        raise HTTPException(404, f"Run {run} has no report: it was not published, or its report has expired.")
    return HTMLResponse(content, headers={"Content-Security-Policy": REPORT_POLICY + FRAME_POLICY})


logs = APIRouter(dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.TASK_LOGS, DAG_ID))])


@logs.get("/runs/{run}/steps/{step}")
def show_step(request: Request, run: RunId, step: Annotated[str, InPath(pattern=STEP)]) -> Response:
    """Redirect to the log of the step that was submitted last."""
    keys = Run(bucket().name, run)
    found = [record for record in steps(bucket(), bucket().keys(keys.steps), keys.steps) if record.step == step]
    if not found:
        raise HTTPException(404, f"Run {run} has submitted no step {step} yet.")
    base = request.scope["root_path"]
    return RedirectResponse(f"{base}/runs/{run}/logs/{found[-1].cluster}/{found[-1].step_id}", 303)


@logs.get("/runs/{run}/logs/{cluster}/{step_id}", response_class=HTMLResponse)
def show_log(
    request: Request,
    run: RunId,
    cluster: Annotated[str, InPath(pattern=CLUSTER_ID)],
    step_id: Annotated[str, InPath(pattern=STEP_ID)],
    stream: Annotated[str | None, Query(pattern=STREAM)] = None,
) -> Any:
    """Show the log of a step."""
    found = step_log(bucket(), settings().cluster.log_prefix, cluster, step_id, stream)
    return page(request, "step_log.html", run=run, cluster=cluster, step_id=step_id, log=found)


router.include_router(logs)
router.include_router(publication_routes.router)


assets = APIRouter()


@assets.get("/{asset}")
def show_asset(asset: str) -> Response:
    """Return the style sheet, the script or the icon, without a login: the login page needs them."""
    if asset not in ASSETS:
        raise HTTPException(404, "There is no such page.")
    return Response((STATIC / asset).read_bytes(), media_type=ASSETS[asset], headers={"Cache-Control": "max-age=300"})


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)  # noqa: S101 (it is registered for this type)
    if error.status_code == 401:
        return page(request, "error.html", 401, title="Log in first", message="This page needs a login to Airflow.")
    return page(request, "error.html", error.status_code, title="Not found", message=str(error.detail))


def _malformed(request: Request, error: Exception) -> Response:
    return page(
        request, "error.html", 422, title="Not found", message="This address is not the address of a run, step or page."
    )


def _storage_error(request: Request, error: Exception) -> Response:
    from botocore.exceptions import ClientError

    if isinstance(error, StorageError | UnavailableError | ClientError):
        renew()
    log.warning("Verger's page: %s", error)
    if isinstance(error, SettingsError):
        return page(request, "error.html", 503, title="The settings are wrong", message=str(error))
    return page(request, "without_s3.html", 503, message=str(error), runs=_runs_of_airflow())


def _runs_of_airflow() -> list[AirflowRun]:
    """Return the newest runs in Airflow, which the pages show while S3 cannot be read."""
    return sorted(airflow_runs.newest().values(), key=lambda run: run.at, reverse=True)[:PER_PAGE]
