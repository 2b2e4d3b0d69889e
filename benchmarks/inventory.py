"""Memory and time of the listing and of its comparison in Airflow, from 10,000 to 10,000,000 keys.

    python -m benchmarks.inventory [KEYS ...]      (in the airflow-test environment; `make bench-inventory`)

For each number of keys one process lists a synthetic bucket, compares the listing with a manifest of as many photos, of
which some are new, changed or deleted, and writes the tables of the steps. It calls the functions of the DAG, with
Airflow imported as in a task. The bucket is a folder, and its listing is computed page by page. After each number of
keys the table is written into benchmarks/README.md.
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
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness import tables
from benchmarks.harness.places import README
from benchmarks.harness.signals import signals_exit

if TYPE_CHECKING:
    from verger.changes.compare import Tally
    from verger.changes.plan import Plan

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
PAGE = 1000
LABELS = 100
CHANGED_EVERY, DELETED_EVERY, NEW_EVERY = 1009, 1013, 1019


class SyntheticBucket:
    """An S3 client that lists `keys` photos and writes objects into a folder."""

    def __init__(self, folder: Path, keys: int) -> None:
        self.folder, self.keys_per_label = folder, keys // LABELS

    def list_objects_v2(self, **request: Any) -> dict[str, Any]:
        """Return the labels as common prefixes, or the first page of a label."""
        prefix = request["Prefix"]
        if prefix == "images/":
            return {"CommonPrefixes": [{"Prefix": f"images/{label:03}/"} for label in range(LABELS)]}
        return {"Contents": list(self._page(int(prefix.split("/")[1]), 0))}

    def get_paginator(self, _: str) -> SyntheticBucket:
        """Return the paginator of list_objects_v2."""
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        """Yield the pages of a label."""
        label = int(request["Prefix"].split("/")[1])
        for start in range(0, self.keys_per_label, PAGE):
            yield {"Contents": list(self._page(label, start))}

    def upload_file(self, file: str, _: str, key: str) -> None:
        """Copy a file into the folder."""
        target = self.folder / key
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)

    def published(self) -> Iterator[tuple[str, str, str, None, None]]:
        """Yield the rows of the published manifest, in which the new photos are missing."""
        for label in range(LABELS):
            for number in range(self.keys_per_label):
                serial = label * self.keys_per_label + number
                if serial % NEW_EVERY:
                    yield path_of(label, number), etag_of(serial, changed=False), "before", None, None

    def _page(self, label: int, start: int) -> Iterator[dict[str, Any]]:
        for number in range(start, min(start + PAGE, self.keys_per_label)):
            serial = label * self.keys_per_label + number
            if serial % DELETED_EVERY:
                etag = etag_of(serial, changed=serial % CHANGED_EVERY == 0)
                yield {"Key": path_of(label, number), "ETag": f'"{etag}"', "Size": 5000}


def path_of(label: int, number: int) -> str:
    """Return the key of a photo."""
    return f"images/{label:03}/photo {number:09}.jpg"


def etag_of(serial: int, *, changed: bool) -> str:
    """Return the ETag of a photo. A changed photo has another ETag.

    ETags are as random as an MD5 (the factor is Knuth's), because ETags that compress well would hide the memory that a
    reader of the file needs.
    """
    return f"{(2 * serial + changed + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}"


def measure(keys: int, folder: Path) -> dict[str, Any]:
    """List, compare and write `keys` photos, and return seconds and the peak memory of this process in MB."""
    importlib.import_module("airflow.sdk.exceptions")  # the process of a task has Airflow's modules
    from pyarrow.fs import LocalFileSystem

    from tests.plugins.snapshots import snapshot
    from verger.changes import inventory
    from verger.changes.run_tables import Comparison, write_manifest, write_work
    from verger.publication.model import FeatureRun
    from verger.tables.parquet import Store, write_rows
    from verger_contract.keys import Run
    from verger_contract.schemas import DELETES, MANIFEST

    bucket: Any = SyntheticBucket(folder, keys)
    run, before = Run(str(folder), "now"), Run(str(folder), "before")
    published = snapshot("before", features=(FeatureRun(run="before", rows=keys, current_rows=keys),))
    (folder / before.manifest).parent.mkdir(parents=True)
    write_rows(folder / before.manifest, MANIFEST, bucket.published())
    write_rows(folder / before.deletes, DELETES, iter(()))
    peak_start, started = peak(), time.monotonic()
    inventory.write_inventory(bucket, str(folder), "images/", run.inventory)
    listed = time.monotonic()
    peak_listed = peak()
    comparison = Comparison(Store(LocalFileSystem(), str(folder)), run, published, False, False)
    counted: dict[str, int] = {}
    write_work(bucket, comparison, lambda tally: planned(tally, counted))
    compared = time.monotonic()
    write_manifest(bucket, comparison, {})
    done = time.monotonic()
    return {
        "keys": keys,
        "new, changed, deleted": f"{counted['new']:,}, {counted['changed']:,}, {counted['deleted']:,}",
        "listing s": round(listed - started, 1),
        "comparison s": round(compared - listed, 1),
        "manifest s": round(done - compared, 1),
        "peak MB, before the listing": peak_start,
        "after it": peak_listed,
        "at the end": peak(),
    }


def peak() -> int:
    """Return the largest resident set of this process so far, in MB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def planned(tally: Tally, counted: dict[str, int]) -> Plan:
    """Return a plan, as far as the tables depend on it, and write the counts of the tally into `counted`."""
    from tests.plugins.validation.written_run import plan
    from verger.changes.compare import PhotoChange

    counted.update({kind.value: tally.photos[kind] for kind in PhotoChange})
    return plan()


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
