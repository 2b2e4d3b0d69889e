"""The page of all runs: how much it reads with a thousand runs, and its answers while S3 does not answer.

`make bench-pages` prints the milliseconds of the tests whose names contain `thousand` or `many`, the latter with a
million photos. No test has a limit for them: they depend on the machine.
"""

from __future__ import annotations

import io
import os
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy
import pyarrow
import pyarrow.parquet
import pytest

from tests.plugins.report.suspects.written import put, suspect
from tests.plugins.snapshots import snapshot
from tests.plugins.verger_ui.pages import Pages, scheduled_run
from verger.clock import now
from verger.publication.model import Publication
from verger.run_id import run_id
from verger_contract.keys import Run
from verger_contract.schemas import MANIFEST, MOST_SUSPECTS, SuspectKind
from verger_ui.sources import bucket
from verger_ui.views.run_list import PER_PAGE

THOUSAND, LABELS = 1000, 141
DEFAULT_S = 60
"""How long botocore waits for one answer by default."""
FAILURE = {"task": "pca_done", "error": "no variance", "at": "2026-01-01T02:10:00+00:00"}


def test_a_page_of_a_thousand_runs_reads_a_few_files_of_those_that_it_shows(pages: Pages) -> None:
    """A third of the runs published, a third had nothing to do, and a third failed; each left its files."""
    dag_runs = [scheduled_run(day) for day in range(THOUSAND)]
    pages.ended_runs({dag_run: "failed" if day % 3 == 2 else "success" for day, dag_run in enumerate(dag_runs)})
    runs = [run_id(dag_run) for dag_run in dag_runs]
    pages.reports(runs[::3])
    pages.puts({f"runs/{run}/run.json": {"started_at": "2026-01-01T02:00:00+00:00"} for run in runs})
    pages.puts({f"runs/{run}/inventory.parquet": b"PAR1" for run in runs})
    pages.puts({f"runs/{run}/plan.json": {"work": False, "why": "nothing new"} for run in runs[1::3]})
    pages.puts({f"runs/{run}/plan.json": {"work": True, "why": "120 new"} for run in runs[2::3]})
    pages.puts({f"runs/{run}/failure.json": {"failure": FAILURE, "warnings": []} for run in runs[2::3]})
    stamps = {"started_at": now().isoformat(), "updated_at": now().isoformat()}
    pages.put(f"runs/{scheduled_run(1001)}/progress.json", {"step": "featurize", "done": 5, "total": 9, **stamps})
    costs_are_read_in_the_background(pages)
    requests: list[str] = []
    bucket.bucket().client.meta.events.register("before-call.s3", lambda model, **_: requests.append(model.name))
    pages.clear_all_caches()
    bucket.bucket().reading_costs.acquire()  # no thread reads the costs, so that only the requests of pages are counted
    took, counts = [], []
    for page in ("", "", "?page=2", "?page=20", "?page=41", "?page=20"):
        requests.clear()
        started = time.perf_counter()
        text = pages.text(page)
        took.append(round(1000 * (time.perf_counter() - started)))
        counts.append(len(requests))
        assert "1,001 runs" in text
    print(f"ms: first {took[0]}, again {took[1]}, other pages {took[2:]}; requests {counts}")
    assert max(counts) < 4 * PER_PAGE, counts
    assert counts[1] < 12, "the second time, only what can change is read"
    pages.clear_short_caches()
    requests.clear()
    pages.text("?page=20")
    assert len(requests) < 12, "only the run in progress, the publication and the list are read again"


def costs_are_read_in_the_background(pages: Pages) -> None:
    """Every third run has a cost. The first page has those of the runs that it shows, a later one has all."""
    pages.clear_all_caches()
    started = time.perf_counter()
    first = pages.text()
    print(f"ms: first page, while a thread reads the costs: {1000 * (time.perf_counter() - started):.0f}")
    assert "earlier runs is being read" in first
    with bucket.bucket().reading_costs:
        last = pages.text()
    assert "being read" not in last
    shown = [
        float(amount)
        for amount in re.findall(r"<dd>€?([0-9.]+)", last.partition("Cost by month")[2].partition("</dl>")[0])
    ]
    assert sum(shown) == pytest.approx(0.42 * len(range(0, THOUSAND, 3)), abs=0.1)


def manifest(run: str, photos: int) -> bytes:
    """Return the manifest of a run: as many photos of each label, and one reject among a thousand."""
    paths = [f"images/label {number * LABELS // photos:03}/{number:07}.jpg" for number in range(photos)]
    rejected = [number % 1000 == 7 for number in range(photos)]
    columns = [
        paths,
        [f"{number * 0x9E3779B97F4A7C15 % 2**128:032x}" for number in range(photos)],
        [None if one else run for one in rejected],
        ["not an image" if one else None for one in rejected],
        ["not an image (no known format)" if one else None for one in rejected],
    ]
    arrays = [pyarrow.array(column, pyarrow.string()) for column in columns]
    content = io.BytesIO()
    table = pyarrow.Table.from_arrays(arrays, schema=MANIFEST.arrow)
    pyarrow.parquet.write_table(table, content, compression="zstd", row_group_size=131_072)
    return content.getvalue()


def put_suspects(pages: Pages, run: str, photos: int) -> None:
    """Write as many suspects as a run keeps, and a sample of the photos with random coordinates."""
    every = [f"images/label {number * LABELS // photos:03}/{number:07}.jpg" for number in range(photos)]
    sample = every[:: -max(photos // 30_000, 1)][:30_000]
    points = numpy.random.default_rng(0).normal(size=(len(sample), 256 if photos >= 1_000_000 else 16))
    rows = [suspect(path, kind, 0.9, *sample[:10], run=run) for kind in SuspectKind for path in every[:MOST_SUSPECTS]]
    put(pages.s3, Run(pages.bucket, run), rows, dict(zip(sample, points.tolist(), strict=True)))


def test_pages_of_many_photos(pages: Pages) -> None:
    photos, run = int(os.environ.get("BENCH_PHOTOS", "20000")), "many"
    labels = [
        {"label": f"label {number:03}", "photos": photos // LABELS, "new": 0, "rejected": 0, "ratio": 0.1}
        for number in range(LABELS)
    ]
    pages.report(run, labels={"count": LABELS, "shown": labels})
    pages.put(Run(pages.bucket, run).manifest, manifest(run, photos))
    put_suspects(pages, run, photos)
    rejected = len(range(7, photos, 1000))
    made = snapshot(run, photos=photos - rejected, rejected=rejected)
    pages.put("published.json", Publication(made).document())
    last = f"{photos - 1:07}.jpg"
    expected = {
        "publications": "1 kept publication",
        f"photos?q={last}": "1 photo of",
        "photos?q=nowhere": "0 photos of",
        "photos?q=label": f"{photos:,} photos of",
        f"photo?key=images/label {LABELS - 1:03}/{last}": "published",
        f"neighbours?key=images/label {LABELS - 1:03}/{last}": "The nearest of",
        "suspects": f"{3 * MOST_SUSPECTS:,} suspects",
        "suspects?kind=near+duplicate&page=3": f"{MOST_SUSPECTS:,} suspects",
        "rejects": f"{rejected:,} rejected photos",
        "rejects.csv": "no known format",
        "labels?sort=photos&descending=true": f"{LABELS} of {LABELS} labels",
        "": f"{rejected:,} photos are rejected",
    }
    for page, words in expected.items():
        started = time.perf_counter()
        text = pages.text(page)
        print(f"{photos:,} photos: {page or 'overview'}: {1000 * (time.perf_counter() - started):.0f} ms")
        assert words in text


@pytest.fixture
def silent() -> Iterator[str]:
    """Return the address of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def closed() -> str:
    """Return an address without a server."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("down", ["silent", "closed"])
def test_while_s3_is_down_the_page_reports_it_soon(
    pages: Pages, down: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", request.getfixturevalue(down))
    bucket.bucket.cache_clear()
    pages.trigger("manual__known", "success")
    bucket.bucket.cache_clear()
    started = time.monotonic()
    answer = pages.get()
    assert time.monotonic() - started < DEFAULT_S
    assert answer.status_code == 503
    assert "S3 cannot be read" in answer.text
    assert "127.0.0.1" in answer.text
    assert "manual__known" in answer.text, "what Airflow has is shown"
    bucket.bucket.cache_clear()


def test_many_requests_while_s3_is_silent_are_all_answered_soon(
    pages: Pages, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", silent)
    bucket.bucket.cache_clear()
    pages.get("verger.css")  # the app is made
    started = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        states = [answer.status_code for answer in pool.map(pages.get, [""] * 20)]
    took = time.monotonic() - started
    assert states == [503] * 20
    assert took < DEFAULT_S
    again = time.monotonic()
    assert pages.get().status_code == 503
    assert time.monotonic() - again < bucket.READ_SECONDS, "no request is sent again"
    bucket.bucket.cache_clear()
