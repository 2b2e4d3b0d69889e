"""Memory and time of what Airflow does with a listing, from ten thousand to ten million keys.

    python -m benchmarks.inventory [KEYS ...]          (in the airflow environment; `make bench-inventory`)

For each number of keys a process of its own lists a synthetic bucket, compares it with a manifest of as many photos of
which some are new, changed or deleted, and writes what the steps need, with the very functions of the DAG; the bucket
is a folder and its listing made up page by page. Prints a table and writes it into benchmarks/README.md.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.harness import tables

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
PAGE = 1000
LABELS = 100
CHANGED_EVERY, DELETED_EVERY, NEW_EVERY = 1009, 1013, 1019


class Listing:
    """An S3 client that lists so many photos and puts objects into a folder."""

    def __init__(self, folder: Path, keys: int) -> None:
        self.folder, self.keys = folder, keys

    def list_objects_v2(self, **asked: Any) -> dict[str, Any]:
        prefix = asked["Prefix"]
        if prefix == "images/":
            return {"CommonPrefixes": [{"Prefix": f"images/{label:03}/"} for label in range(LABELS)]}
        return {"Contents": list(self._page(int(prefix.split("/")[1]), 0))}

    def get_paginator(self, _: str) -> Listing:
        return self

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        label = int(asked["Prefix"].split("/")[1])
        for start in range(0, self.keys // LABELS, PAGE):
            yield {"Contents": list(self._page(label, start))}

    def _page(self, label: int, start: int) -> Iterator[dict[str, Any]]:
        for number in range(start, min(start + PAGE, self.keys // LABELS)):
            serial = label * (self.keys // LABELS) + number
            if serial % DELETED_EVERY:
                yield {
                    "Key": path_of(label, number),
                    "ETag": f'"{etag_of(serial, serial % CHANGED_EVERY == 0)}"',
                    "Size": 5000,
                }

    def upload_file(self, file: str, _: str, key: str) -> None:
        target = self.folder / key
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)


def path_of(label: int, number: int) -> str:
    return f"images/{label:03}/photo {number:09}.jpg"


def etag_of(serial: int, changed: bool) -> str:
    # As random as an MD5, since ETags that compress well would hide what a reader keeps of a file. Knuth's constant.
    return f"{(2 * serial + changed + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}"


def measure(keys: int, folder: Path) -> dict[str, Any]:
    """List, compare and write for `keys` photos; seconds of both, and the peak memory of this process in MB."""
    from pyarrow.fs import LocalFileSystem

    from tests.plugins.snapshots import snapshot
    from verger.changes import inventory
    from verger.changes.run_tables import Comparison, write_manifest, write_work
    from verger.publication.model import FeatureRun
    from verger.tables.parquet import Store, write_rows
    from verger_contract.keys import Run
    from verger_contract.schemas import DELETES, MANIFEST

    bucket = Listing(folder, keys)
    run, before = Run(str(folder), "tonight"), Run(str(folder), "before")
    published = snapshot("before", features=(FeatureRun(run="before", rows=keys, current_rows=keys),))
    manifest = (
        (path_of(label, number), etag_of(label * (keys // LABELS) + number, changed=False), "before", None, None)
        for label in range(LABELS)
        for number in range(keys // LABELS)
        if (label * (keys // LABELS) + number) % NEW_EVERY
    )
    (folder / before.manifest).parent.mkdir(parents=True)
    write_rows(folder / before.manifest, MANIFEST, manifest)
    write_rows(folder / before.deletes, DELETES, iter(()))
    begun, started = peak(), time.monotonic()
    inventory.write_inventory(bucket, str(folder), "images/", run.inventory)
    listed = time.monotonic()
    peak_listing = peak()
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
        "peak MB, begun": begun,
        "listed": peak_listing,
        "at the end": peak(),
    }


def peak() -> int:
    """The largest resident set of this process so far, MB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def planned(tally: Any, counted: dict[str, int]) -> Any:
    """The part of a plan that the tables depend on."""
    from tests.plugins.validation.written_run import plan
    from verger.changes.compare import PhotoChange

    counted.update({kind.value: tally.photos[kind] for kind in PhotoChange})
    return plan()


def main(sizes: list[int]) -> None:
    if len(sizes) == 1 and "--one" in sys.argv:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measure(sizes[0], Path(folder))))
        return
    rows = []
    for size in sizes or SIZES:
        command = [sys.executable, "-m", "benchmarks.inventory", str(size), "--one"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(rows[-1], flush=True)
    tables.write("inventory", rows)


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:] if word.isdecimal()])
