"""The pages as a FastAPI app, which Airflow's API server mounts. Whoever may see the DAG's runs may see them.

Every endpoint is a plain function, which FastAPI runs in a thread: waiting for S3 must not hold up the event loop.
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

from verger.s3.errors import StorageError
from verger.settings.fields import SettingsError
from verger_contract.keys import Run
from verger_ui.addresses import CLUSTER_ID, DAG_ID, RUN_ID, STAGE, STEP_ID, STREAM
from verger_ui.pages import page
from verger_ui.sources.bucket import UnreadableError, bucket, renew, settings
from verger_ui.sources.step_logs import step_log
from verger_ui.views import overview as runs
from verger_ui.views.run_page import run_page, steps

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

log = logging.getLogger(__name__)

OWN = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'"
REPORT = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
"""Of a report, which holds what users named their folders and files: nothing in it runs, nothing is fetched."""
AROUND = "; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
STATIC = Path(__file__).parent / "static"
ASSETS = {
    "verger.css": "text/css; charset=utf-8",
    "verger.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}

SEATS = 8
"""Pages at once that may wait for S3: the threads that they wait in are those of Airflow's own interface."""
_seats = threading.BoundedSemaphore(SEATS)

RunId = Annotated[str, InPath(pattern=RUN_ID)]
router = APIRouter()


def create_app() -> FastAPI:
    """The app, with Airflow's own check of who asks before every page, and no page that describes its interface."""
    from botocore.exceptions import BotoCoreError, ClientError

    allowed = [Depends(requires_access_dag("GET", DagAccessEntity.RUN, DAG_ID))]
    made = FastAPI(
        title="Verger",
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_getting_ready,
    )
    made.include_router(router, dependencies=[*allowed, Depends(_seat)])
    made.include_router(assets)
    made.middleware("http")(_with_headers)
    made.add_exception_handler(StarletteHTTPException, _refused)
    made.add_exception_handler(RequestValidationError, _malformed)
    for kind in (StorageError, BotoCoreError, ClientError, SettingsError, UnreadableError):
        made.add_exception_handler(kind, _away)
    return made


async def _seat() -> AsyncIterator[None]:
    """Not a plain function: that would take the thread which it is to spare."""
    if not _seats.acquire(blocking=False):
        raise UnreadableError(f"{SEATS} pages wait for S3 already; look again in some seconds")
    try:
        yield
    finally:
        _seats.release()


@asynccontextmanager
async def _getting_ready(app: FastAPI) -> AsyncIterator[None]:
    """The first page should not wait for the S3 client to be imported and made."""
    threading.Thread(target=_make_client, name="verger-ui", daemon=True).start()
    yield


def _make_client() -> None:
    try:
        bucket()
    except Exception as error:  # the page says it to whoever opens it
        log.warning("Verger's page will not be able to read S3: %s", error)


async def _with_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    response.headers.setdefault("Content-Security-Policy", OWN + AROUND)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


@router.get("/", response_class=HTMLResponse)
def show_overview(request: Request, number: Annotated[int, Query(alias="page", ge=1, le=1_000_000)] = 1) -> Any:
    found = runs.overview(bucket(), settings().schedule, number)
    return page(request, "overview.html", overview=found, storage=settings().storage)


@router.get("/in-flight", response_class=HTMLResponse)
def show_in_flight(request: Request, run: Annotated[str | None, Query(pattern=RUN_ID)] = None) -> Any:
    """The bars alone, for the script that looks again; 204 when the run (none named: any) is in flight no more."""
    flying = runs.flying(bucket(), run)
    return page(request, "in_flight.html", flying=flying) if flying else Response(status_code=204)


@router.get("/runs/{run}", response_class=HTMLResponse)
def show_run(request: Request, run: RunId) -> Any:
    found = run_page(bucket(), run, settings().cluster.spark_history_url)
    if found is None:
        raise HTTPException(404, f"There is no run {run}: neither on S3 nor among Airflow's runs.")
    return page(request, "run.html", run=found)


@router.get("/runs/{run}/report")
def show_report(run: RunId) -> Response:
    """The report as the run wrote it."""
    content = bucket().body(Run(bucket().name, run).report)
    if content is None:
        raise HTTPException(404, f"Run {run} has no report: it was not published, or its report has expired.")
    return HTMLResponse(content, headers={"Content-Security-Policy": REPORT + AROUND})


logs = APIRouter(dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.TASK_LOGS, DAG_ID))])


@logs.get("/runs/{run}/stages/{stage}")
def show_stage(request: Request, run: RunId, stage: Annotated[str, InPath(pattern=STAGE)]) -> Response:
    """Leads to the log of the stage's latest step."""
    keys = Run(bucket().name, run)
    found = [record for record in steps(bucket(), bucket().keys(keys.steps), keys.steps) if record.step == stage]
    if not found:
        raise HTTPException(404, f"Run {run} has submitted no step {stage} yet.")
    base = request.scope["root_path"]
    return RedirectResponse(f"{base}/runs/{run}/logs/{found[-1].cluster}/{found[-1].step_id}", 303)


@logs.get("/runs/{run}/logs/{cluster}/{step}", response_class=HTMLResponse)
def show_log(
    request: Request,
    run: RunId,
    cluster: Annotated[str, InPath(pattern=CLUSTER_ID)],
    step: Annotated[str, InPath(pattern=STEP_ID)],
    stream: Annotated[str | None, Query(pattern=STREAM)] = None,
) -> Any:
    found = step_log(bucket(), settings().cluster.log_prefix, cluster, step, stream)
    return page(request, "step_log.html", run=run, cluster=cluster, step=step, log=found)


router.include_router(logs)


assets = APIRouter()


@assets.get("/{asset}")
def show_asset(asset: str) -> Response:
    """Style, script and icon, which the page that asks for a login has as well."""
    if asset not in ASSETS:
        raise HTTPException(404, "There is no such page.")
    return Response((STATIC / asset).read_bytes(), media_type=ASSETS[asset], headers={"Cache-Control": "max-age=300"})


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)  # noqa: S101 (what it is registered for)
    if error.status_code == 401:
        return page(request, "error.html", 401, title="Log in first", message="This page is for users of Airflow.")
    return page(request, "error.html", error.status_code, title="Not here", message=str(error.detail))


def _malformed(request: Request, error: Exception) -> Response:
    return page(request, "error.html", 422, title="Not here", message="This address names no run, step or page.")


def _away(request: Request, error: Exception) -> Response:
    from botocore.exceptions import ClientError

    if isinstance(error, StorageError | ClientError):
        renew()
    log.warning("Verger's page: %s", error)
    return page(request, "error.html", 503, title="S3 cannot be read", message=str(error))
