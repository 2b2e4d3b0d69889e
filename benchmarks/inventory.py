"""Memory and time of the listing and of its comparison in Airflow, from 10,000 to 10,000,000 keys.

    python -m benchmarks.inventory [KEYS ...]      (in the airflow-test environment; `make bench-inventory`)

For each number of keys one process lists a synthetic bucket, compares the listing with a manifest of as many photos, of
which some are new, changed or deleted, and writes the tables of the steps and the manifest: as a delta, and as a whole
table. It calls the functions of the DAG, with Airflow imported as in a task. `benchmarks.harness.synthetic_listing` is
the server: a process on the same machine, which sends each answer 50 ms after the request. Up to a million keys are
also listed folder by folder, as from a server that does not list keys in order, and as all buckets were before. After
each number of keys the table is written into benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import importlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from benchmarks.harness import tables
from benchmarks.harness.places import README
from benchmarks.harness.signals import signals_exit
from benchmarks.harness.synthetic_listing import NEW_EVERY, PAGE, PREFIX, Photos, listing
from verger.settings import Settings

if TYPE_CHECKING:
    from verger.changes.compare import Tally
    from verger.changes.plan import Plan
    from verger.publication.model import Snapshot

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
MOST_BY_FOLDER = 1_000_000
DELAY_MS, BUCKET = 50, "orchard"
LIST_REQUESTS = Settings.from_environment({"VERGER_BUCKET": BUCKET}).storage.list_requests
CREDENTIALS: dict[str, Any] = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}


class Client:
    """An S3 client that lists photos at a server, and writes objects into a folder."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        import boto3
        from botocore.config import Config

        config = Config(s3={"addressing_style": "path"}, max_pool_connections=LIST_REQUESTS)
        self.folder = folder
        self.s3: Any = boto3.client("s3", "eu-west-3", endpoint_url=endpoint, config=config, **CREDENTIALS)
        self.meta, self.list_objects_v2, self.get_paginator = (
            self.s3.meta,
            self.s3.list_objects_v2,
            self.s3.get_paginator,
        )

    def upload_file(self, file: str, _: str, key: str) -> None:
        """Copy a file into the folder."""
        target = self.folder / key
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)


def published(photos: Photos) -> Iterator[tuple[str, str, str, None, None]]:
    """Yield the rows of the published manifest, in which the new photos are missing."""
    for start in range(0, photos.keys, PAGE):
        count = min(PAGE, photos.keys - start)
        for serial, etag in enumerate(photos.etags(start, count, listed=False), start):
            if serial % NEW_EVERY:
                yield photos.path(serial), etag, "before", None, None


def before(folder: Path, keys: int) -> Snapshot:
    """Write what an earlier run published, and return its snapshot."""
    from tests.plugins.snapshots import snapshot
    from verger.publication.model import FeatureRun
    from verger.tables.parquet import write_rows
    from verger_contract.keys import Run
    from verger_contract.schemas import DELETES, MANIFEST

    run = Run(str(folder), "before")
    (folder / run.manifest).parent.mkdir(parents=True)
    write_rows(folder / run.manifest, MANIFEST, published(Photos(keys)))
    write_rows(folder / run.deletes, DELETES, iter(()))
    return snapshot("before", features=(FeatureRun(run="before", rows=keys, current_rows=keys),))


def measure(keys: int, folder: Path) -> dict[str, Any]:
    """List, compare and write `keys` photos, and return seconds and the peak memory of this process in MB."""
    importlib.import_module("airflow.sdk.exceptions")  # the process of a task has Airflow's modules
    from pyarrow.fs import LocalFileSystem

    from verger.changes import inventory
    from verger.changes.manifest import write_manifest
    from verger.changes.run_tables import Comparison, write_work
    from verger.s3.key_ranges import UnorderedError
    from verger.tables.parquet import Store
    from verger_contract.keys import Run

    run, base = Run(str(folder), "now"), before(folder, keys)
    comparison = Comparison(Store(LocalFileSystem(), str(folder)), run, base, False, False)
    with listing(keys, DELAY_MS) as endpoint:
        client: Any = Client(folder, endpoint)
        peak_start, started = peak(), time.monotonic()
        inventory.write_inventory(client, BUCKET, PREFIX, run.inventory, LIST_REQUESTS)
        listed = time.monotonic()
        peak_listed = peak()
        counted: dict[str, int] = {}
        made = write_work(client, comparison, lambda tally: planned(tally, base, counted))
        compared = time.monotonic()
        write_manifest(client, comparison, made)
        done, peak_end = time.monotonic(), peak()
        write_manifest(client, comparison, replace(made, manifests=()))
        whole = time.monotonic()
        if keys <= MOST_BY_FOLDER:
            with patch.object(inventory, "list_ranges", side_effect=UnorderedError("measured folder by folder")):
                inventory.write_inventory(client, BUCKET, PREFIX, "by-folder.parquet")
        by_folder = time.monotonic() - whole if keys <= MOST_BY_FOLDER else None
    return {
        "keys": keys,
        "new, changed, deleted": f"{counted['new']:,}, {counted['changed']:,}, {counted['deleted']:,}",
        "listing s": round(listed - started, 1),
        "comparison s": round(compared - listed, 1),
        "manifest s": round(done - compared, 1),
        "whole manifest s": round(whole - done, 1),
        "listing folder by folder s": "" if by_folder is None else round(by_folder, 1),
        "peak MB, before the listing": peak_start,
        "after it": peak_listed,
        "after the manifest": peak_end,
    }


def peak() -> int:
    """Return the largest resident set of this process so far, in MB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def planned(tally: Tally, base: Snapshot, counted: dict[str, int]) -> Plan:
    """Return a plan, as far as the tables depend on it, and write the counts of the tally into `counted`."""
    from tests.plugins.plans import plan
    from verger.changes.compare import PhotoChange

    counted.update({kind.value: tally.photos[kind] for kind in PhotoChange})
    return replace(plan(), photos={"listed": tally.listed} | counted, manifests=base.manifest)


def measure_each(sizes: Iterable[int], page: Path) -> None:
    """Measure each number of keys in a process of its own, and write the table after each."""
    rows: list[dict[str, Any]] = []
    for size in sizes:
        command = [sys.executable, "-m", "benchmarks.inventory", str(size), "--one"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        tables.write("inventory", rows, page)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keys", type=int, nargs="*", default=SIZES, help="numbers of keys")
    parser.add_argument("--one", action="store_true", help="measure in this process and print a JSON object")
    parser.add_argument("--page", type=Path, default=README, help="page to write into")
    arguments = parser.parse_args()
    if not arguments.one:
        with signals_exit():
            measure_each(arguments.keys, arguments.page)
        return
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(arguments.keys[0], Path(folder))))


if __name__ == "__main__":
    main()
