"""The pages of the publication: photos, labels, rejects, what is kept, and the comparison of two runs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from pydantic import StringConstraints

from verger.publication.model import Publication, Snapshot
from verger.report.pictures import thumbnails
from verger_contract.keys import Run
from verger_ui.addresses import RUN_ID
from verger_ui.pages import page
from verger_ui.sources import airflow_runs, documents
from verger_ui.sources.bucket import bucket, settings
from verger_ui.sources.photo_rows import LONGEST_QUERY
from verger_ui.views.published import comparison, labels, photos, rejects, suspects
from verger_ui.views.published.publications import publications
from verger_ui.views.run_list import read

router = APIRouter()
Part = Annotated[str, Query(max_length=LONGEST_QUERY)]
Number = Annotated[int, Query(alias="page", ge=1, le=1_000_000)]
Key = Annotated[str, Query(min_length=1, max_length=1024)]
RunParam = Annotated[str, StringConstraints(pattern=RUN_ID)]


def _current() -> tuple[Publication | None, str]:
    """Return the publication and its current run, which is empty when nothing is published."""
    found = bucket().publication()
    return found, (found.current.run or "") if found else ""


@router.get("/publications", response_class=HTMLResponse)
def show_publications(request: Request) -> Any:
    """Show the kept publications."""
    from airflow import __version__

    kept = publications(bucket().publication(), airflow_runs.newest())
    return page(request, "publications.html", kept=kept, airflow_version=__version__)


@router.get("/photos", response_class=HTMLResponse)
def show_photos(request: Request, q: Part = "") -> Any:
    """Show the photos whose key contains a text."""
    publication, run = _current()
    return page(request, "photos.html", found=photos.search(bucket(), publication, q), published=bool(run))


@router.get("/photo", response_class=HTMLResponse)
def show_photo(request: Request, key: Key) -> Any:
    """Show one photo."""
    found = photos.photo_page(bucket(), bucket().publication(), key)
    if found is None:
        raise HTTPException(404, f"No kept publication has a photo with the key {key}.")
    near = suspects.near(bucket(), bucket().publication(), key)
    return page(request, "photo.html", photo=found, near=near)


@router.get("/neighbours", response_class=HTMLResponse)
def show_neighbours(request: Request, key: Key) -> Any:
    """Show the photos of the current publication that are near a photo. The script puts them into its page."""
    found, sample = suspects.neighbours(bucket(), _published(), key)
    return page(request, "neighbours.html", path=key, neighbours=found, sample=sample)


@router.get("/suspects", response_class=HTMLResponse)
def show_suspects(request: Request, number: Number = 1, kind: Part = "", label: Part = "") -> Any:
    """Show the suspects of the current publication."""
    publication, run = _current()
    found = suspects.suspects_page(bucket(), publication.current, kind, label, number) if publication and run else None
    return page(request, "suspects.html", found=found, published=bool(run))


@router.get("/thumbnail")
def show_thumbnail(key: Key) -> Response:
    """Return a photo as a small JPEG. Only objects under the prefix of the photos are read."""
    if not key.startswith(settings().storage.images_prefix):
        raise HTTPException(404, f"{key} is not under {settings().storage.images_prefix}.")
    try:
        content = thumbnails.jpeg(thumbnails.read(bucket().client, bucket().name, key))
    except thumbnails.NotDrawnError as reason:
        raise HTTPException(404, f"{key}: {reason}") from reason
    return Response(content, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=300"})


@router.get("/rejects", response_class=HTMLResponse)
def show_rejects(request: Request, number: Number = 1, kind: Part = "") -> Any:
    """Show the rejected photos of the current publication."""
    publication, run = _current()
    found = rejects.rejects_page(bucket(), publication.current, kind, number) if publication and run else None
    return page(request, "rejects.html", rejects=found)


@router.get("/rejects.csv")
def download_csv() -> Response:
    """Return the rejects of the current publication as CSV."""
    parts = rejects.as_csv(bucket(), _published())
    return StreamingResponse(parts, media_type="text/csv; charset=utf-8", headers=_file("rejects.csv"))


@router.get("/rejects.parquet")
def download_parquet() -> Response:
    """Return the rejects of the current publication as Parquet."""
    content = rejects.as_parquet(bucket(), _published())
    return Response(content, media_type="application/vnd.apache.parquet", headers=_file("rejects.parquet"))


def _published() -> Snapshot:
    publication, run = _current()
    if publication is None or not run:
        raise HTTPException(404, "Nothing is published.")
    return publication.current


def _file(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


@router.get("/labels", response_class=HTMLResponse)
def show_labels(request: Request, q: Part = "", sort: Part = "", *, descending: bool = False) -> Any:
    """Show the labels of the current publication."""
    _, run = _current()
    report = documents.Report.of(bucket().json(Run(bucket().name, run).report_facts)) if run else documents.Report()
    rows = [label.row() for label in report.labels.shown]
    return page(
        request,
        "labels.html",
        run=run,
        rows=labels.table(rows, sort, q, descending=descending),
        total=len(rows),
        part=q,
        sort=sort if sort in labels.COLUMNS else "",
        descending=descending,
        columns=[*labels.COLUMNS],
    )


@router.get("/compare", response_class=HTMLResponse)
def show_comparison(request: Request, run: Annotated[list[RunParam], Query()] = []) -> Any:  # noqa: B006
    """Show two runs side by side."""
    if len({*run}) != 2:
        raise HTTPException(404, f"Select two runs to compare, found {len({*run})}.")
    a, b = run[0], run[-1]
    publication, known = bucket().publication(), airflow_runs.newest()
    for one in (a, b):
        if one not in known and not bucket().keys(Run(bucket().name, one).folder):
            raise HTTPException(404, f"There is no run {one}: neither on S3 nor among Airflow's runs.")
    facts = read(bucket(), {a, b}, known, publication)
    reports = tuple(bucket().json(Run(bucket().name, one).report_facts) for one in (a, b))
    tables = comparison.compare((facts[a], facts[b]), (reports[0], reports[1]))
    return page(request, "comparison.html", tables=tables, runs=(a, b))
