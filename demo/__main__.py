"""Run the DAG on this machine over sample photos, or over your own photos (`python -m demo`)."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from obstore.store import S3Store
from rich.console import Console
from rich.markup import escape

from demo import clusters
from demo.airflow_run import ROOT, Airflow
from demo.errors import DemoError
from demo.summary import fetch_results, print_summary, published_run
from local_aws.processes import interrupts
from local_aws.stack import Stack, StackError
from sample_photos.albums import Album, AlbumError, synchronise
from sample_photos.bucket import create_bucket, open_store
from sample_photos.invalid_photos import draw_invalid_photos
from sample_photos.orchard import draw_orchard
from sample_photos.skipped import printable

if TYPE_CHECKING:
    from verger_contract.report import Report

STATE = ROOT / ".verger"
PHOTOS_DRAWN = 600
ORCHARD = Album(STATE / "demo" / "orchard", drawn=True)


class Clock:
    """Print lines that begin with the seconds since the start."""

    def __init__(self, console: Console) -> None:
        self.console, self.started = console, time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def show(self, line: str) -> None:
        """Print a line of rich's markup."""
        line = line.replace("\n", "\n" + " " * 9)
        self.console.print(f"[dim]{self.seconds:5.0f} s[/dim]  {line}", highlight=False, soft_wrap=True)


def main() -> int:
    """Run the demo; return its exit code."""
    console = Console(emoji=False)
    clock = Clock(console)
    interrupts.catch()
    try:
        run_demo(parse(), clock)
    except (DemoError, AlbumError, StackError, TimeoutError) as error:
        console.print(f"demo: error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        interrupts.ignore_until_exit()
        console.print("\ninterrupted: all processes that the demo started have ended")
        return 130
    return 0


def parse() -> argparse.Namespace:
    """Parse the command line. Raise DemoError that names the variables of make."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--images", type=Path, help="folder or zip file of <label>/<photo> (default: sample photos)")
    parser.add_argument("--limit", help="number of photos to take, spread evenly (default: all)")
    parser.add_argument(
        "--full-refresh", action="store_true", help="featurize all photos, also those that are published"
    )
    arguments = parser.parse_args()
    if arguments.limit is not None:
        if not arguments.limit.isdecimal() or int(arguments.limit) < 1:
            raise DemoError(f"LIMIT: expected a whole number of at least 1, found {arguments.limit!r}")
        arguments.limit = int(arguments.limit)
    return arguments


def run_demo(arguments: argparse.Namespace, clock: Clock) -> None:
    """Prepare photos, local AWS and Airflow at the same time, run the DAG, and print a summary."""
    album = replace(ORCHARD, limit=arguments.limit)
    if arguments.images:
        album = Album(Path(os.path.expanduser(arguments.images)), arguments.limit)  # noqa: PTH111 (never raises)
        album.check()  # before servers start, which takes half a minute
    bucket = f"verger-{album.name}"
    stack = Stack()
    variables = stack.environment()
    folder = STATE / "demo" / bucket
    # One Airflow home for each bucket: the asset `fruit_features` is the published.json of one bucket.
    airflow = Airflow(STATE / "airflow" / bucket, folder / "airflow.log", settings(bucket, variables))
    clock.show("preparing photos, local AWS and Airflow")
    with ThreadPoolExecutor(2) as pool, contextlib.closing(airflow):
        drawing = pool.submit(draw_once) if album.drawn else None
        preparing = pool.submit(airflow.prepare)
        with local_aws(stack):
            if drawing:
                drawing.result()
            create_bucket(stack.client("s3"), bucket)
            store = open_store(bucket, variables)
            sent = synchronise(store, "images/", album)
            source = escape(printable(brief(album.source)))
            clock.show(f"photos of {source} are in s3://{bucket}/images/ ({sent:,} uploaded)")
            if album.skipped:
                clock.show(escape(str(album.skipped)))
            preparing.result()
            clock.show("running the DAG fruit_features")
            report, cluster = run_dag(airflow, stack, store, folder, clock, full_refresh=arguments.full_refresh)
    print_summary(clock.console, report, brief(folder), cluster, clock.seconds)


def run_dag(
    airflow: Airflow, stack: Stack, store: S3Store, folder: Path, clock: Clock, *, full_refresh: bool
) -> tuple[Report, str]:
    """Run the DAG once.

    Returns
    -------
    report : Report
        The report of the published run.
    cluster : str
        Id and state of the cluster; empty when the run published nothing new and needed no cluster.

    Raises
    ------
    DemoError
        When the DAG run fails or publishes nothing.
    """
    with clusters.ended_after(stack, airflow.bucket):
        before = published_run(store)
        succeeded = airflow.run(clock.show, {"full_refresh": full_refresh})
    cluster = clusters.newest(stack.client("emr"))
    if not succeeded:
        raise DemoError(f"the DAG run failed (cluster: {cluster}); the complete log of Airflow: {airflow.log}")
    report = fetch_results(store, folder)
    return report, "" if report["run"] == before else cluster


def draw_once() -> None:
    """Draw the sample photos, unless a complete set exists."""
    complete = ORCHARD.source.with_suffix(".complete")
    if not complete.exists():
        draw_orchard(ORCHARD.source, PHOTOS_DRAWN)
        draw_invalid_photos(ORCHARD.source)
        complete.touch()


@contextlib.contextmanager
def local_aws(stack: Stack) -> Iterator[None]:
    """Run local AWS during the body. Servers that ran before stay up."""
    try:
        stack.up()
        yield
    finally:
        interrupts.ignore()
        stack.end_started()


def brief(path: Path) -> Path:
    """Return a path relative to the repository where that is possible."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def settings(bucket: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of one run on this machine: Verger's settings and the addresses of AWS."""
    return {
        **variables,
        "VERGER_BUCKET": bucket,
        "VERGER_NODE_ENV_DIR": str(STATE / "node"),
        "VERGER_SCHEDULE": "never",
        "VERGER_POLL_SECONDS": "2",
        "VERGER_RETRIES": "0",
        "VERGER_LOG_WAIT_SECONDS": "20",
        "VERGER_LATE_MINUTES": "0",  # `airflow dags test` of 3.3 crashes after a DAG run with a deadline
        "VERGER_ALLOW_RANDOM_WEIGHTS": "true",  # `make artifacts WEIGHTS=random` builds them; the summary shows it
    }


if __name__ == "__main__":
    sys.exit(main())
