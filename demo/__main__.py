"""`python -m demo`: draws an orchard or takes your photos, and runs the DAG over them on this machine."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import boto3
from obstore.store import S3Store
from rich.console import Console
from rich.markup import escape

from demo import clusters
from demo.airflow_run import ROOT, Airflow
from demo.errors import DemoError
from demo.summary import fetch_results, published, show
from local_aws.processes import interrupts
from local_aws.stack import Stack, StackError
from sample_photos.albums import Album, AlbumError, synchronise
from sample_photos.invalid_photos import draw_invalid_photos
from sample_photos.orchard import draw_orchard

STATE = ROOT / ".verger"
PHOTOS_DRAWN = 600
ORCHARD = Album(STATE / "demo" / "orchard", drawn=True)


class Clock:
    """Prints lines with the seconds since the start before them."""

    def __init__(self, console: Console) -> None:
        self.console, self.started = console, time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def say(self, line: str) -> None:
        """Print rich's markup."""
        line = line.replace("\n", "\n" + " " * 9)
        self.console.print(f"[dim]{self.seconds:5.0f} s[/dim]  {line}", highlight=False, soft_wrap=True)


def parse() -> argparse.Namespace:
    """The command line. Raises DemoError that speaks of make's variables."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--images", type=Path, help="folder or zip of <label>/<photo> (default: draw an orchard)")
    parser.add_argument("--limit", help="take only so many of them, spread evenly")
    parser.add_argument(
        "--full-refresh", action="store_true", help="featurize all photos, as if nothing were published"
    )
    arguments = parser.parse_args()
    if arguments.limit is not None:
        if not arguments.limit.isdecimal() or int(arguments.limit) < 1:
            raise DemoError(f"LIMIT: expected a whole number of at least 1, found {arguments.limit!r}")
        arguments.limit = int(arguments.limit)
    return arguments


def draw_once() -> None:
    """The drawn photos, drawn again only when they are not there."""
    complete = ORCHARD.source.with_suffix(".complete")
    if not complete.exists():
        draw_orchard(ORCHARD.source, PHOTOS_DRAWN)
        draw_invalid_photos(ORCHARD.source)
        complete.touch()


@contextlib.contextmanager
def local_aws(stack: Stack) -> Iterator[None]:
    """Local AWS while the body runs. A stack that ran before stays up."""
    ran = all(server["pid"] for server in stack.status().values())
    try:
        stack.up()
        yield
    finally:
        interrupts.ignore()
        if not ran:
            stack.down()


def main() -> int:
    """Run the demo; its exit code."""
    console = Console(emoji=False)
    clock = Clock(console)
    interrupts.catch()
    try:
        demonstrate(parse(), clock)
    except (DemoError, AlbumError, StackError, TimeoutError) as error:
        console.print(f"demo: error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("\ninterrupted; everything that was started has been ended")
        return 130
    return 0


def demonstrate(arguments: argparse.Namespace, clock: Clock) -> None:
    """Photos, local AWS and Airflow get ready side by side; then the DAG runs."""
    album = replace(ORCHARD, limit=arguments.limit)
    if arguments.images:
        album = Album(arguments.images.expanduser(), arguments.limit)
    bucket = f"verger-{album.name}"
    stack = Stack()
    variables = stack.environment()
    folder = STATE / "demo" / bucket
    # A home for each bucket: the asset `fruit_features` is the bucket's published.json, and Airflow knows it once.
    airflow = Airflow(STATE / "airflow" / bucket, folder / "airflow.log", settings(bucket, variables))
    clock.say("preparing photos, local AWS and Airflow")
    with ThreadPoolExecutor(2) as pool, contextlib.closing(airflow):
        drawing = pool.submit(draw_once) if album.drawn else None
        preparing = pool.submit(airflow.prepare)
        with local_aws(stack):
            if drawing:
                drawing.result()
            create_bucket(bucket, variables)
            store = store_of(bucket, variables)
            sent = synchronise(store, "images/", album)
            clock.say(f"photos of {escape(str(brief(album.source)))} in s3://{bucket}/images/ ({sent:,} sent)")
            preparing.result()
            clock.say("running the DAG fruit_features")
            with clusters.ended_after(stack, bucket):
                before = published(store)
                succeeded = airflow.run(clock.say, {"full_refresh": arguments.full_refresh})
            cluster = cluster_state(variables)
            if not succeeded:
                raise DemoError(f"the DAG run failed (cluster {cluster}); everything that Airflow said: {airflow.log}")
            facts = fetch_results(store, folder)
    show(clock.console, facts, brief(folder), "" if facts["run"] == before else cluster, clock.seconds)


def brief(path: Path) -> Path:
    """The path as one would type it in the repository."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def settings(bucket: str, variables: dict[str, str]) -> dict[str, str]:
    """Verger's settings for one run on this machine, and where AWS is."""
    return {
        **variables,
        "VERGER_BUCKET": bucket,
        "VERGER_NODE_ENV_DIR": str(STATE / "node"),
        "VERGER_SCHEDULE": "never",
        "VERGER_POLL_SECONDS": "2",
        "VERGER_RETRIES": "0",
        "VERGER_LOG_WAIT_SECONDS": "20",
        "VERGER_ALLOW_RANDOM_WEIGHTS": "true",  # who built them asked for them by name, and the summary says so
    }


def create_bucket(bucket: str, variables: dict[str, str]) -> None:
    """Create the bucket where it is not there yet."""
    client = boto3.client("s3", **clients(variables, "S3"))
    with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": variables["AWS_REGION"]})


def store_of(bucket: str, variables: dict[str, str]) -> S3Store:
    """The bucket for the upload and for fetching the results."""
    return S3Store(
        bucket,
        endpoint=variables["AWS_ENDPOINT_URL_S3"],
        access_key_id=variables["AWS_ACCESS_KEY_ID"],
        secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        region=variables["AWS_REGION"],
        client_options={"allow_http": True},
    )


def cluster_state(variables: dict[str, str]) -> str:
    """Id and state of the newest cluster."""
    clusters = boto3.client("emr", **clients(variables, "EMR")).list_clusters()["Clusters"]
    return f"{clusters[0]['Id']} {clusters[0]['Status']['State']}" if clusters else "none was launched"


def clients(variables: dict[str, str], service: str) -> dict[str, str]:
    """Arguments of a boto3 client for one of the local endpoints."""
    return {
        "endpoint_url": variables[f"AWS_ENDPOINT_URL_{service}"],
        "region_name": variables["AWS_REGION"],
        "aws_access_key_id": variables["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": variables["AWS_SECRET_ACCESS_KEY"],
    }


if __name__ == "__main__":
    sys.exit(main())
