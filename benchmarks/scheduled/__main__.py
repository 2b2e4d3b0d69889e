"""What a scheduled run with few changes costs over 23,612 real photos and over millions of drawn ones.

    python -m benchmarks.scheduled [--real N] [--drawn N ...] [--new N ...]  (in the dev environment;
                                                                             `make bench-nights`)

Each base is a publication in a bucket of a real S3 server. The real base is published by a first run over photographs.
A drawn base has the features of a few photographs, and its tables are those of the writer of the steps
(`benchmarks.scheduled.drawn_base`): 16 million rows of real features have 82 GB. Then runs follow, each with so many
new photographs, 10 changed and 10 deleted photos. The tasks are the functions that the DAG calls, and the steps are the
commands that EMR gets, each in a process of its own that is measured. Only the listing of drawn photos is written by
code, and not measured: `make bench-inventory` measures it.

After each run the figures of each task are printed, and added to benchmarks/results.json and to the tables of
benchmarks/scheduled_runs.md. Other bases and other numbers of new photos that were measured earlier stay there.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import local_stack
from benchmarks.harness.photo_bucket import PREFIX
from benchmarks.harness.places import FOLDER, PHOTOS, RESULTS
from benchmarks.measuring import meter
from benchmarks.scheduled import page
from benchmarks.scheduled.changes import PhotoChanges, put
from benchmarks.scheduled.drawn_photos import DrawnPhotos
from benchmarks.scheduled.scheduled_run import TIMEOUT_S, Place, ScheduledRun
from sample_photos.albums import Album

FIRST_PORT = 18533
"""Other ports than those of the other benchmarks, which may run at the same time."""

REAL, DRAWN, NEW = 23_612, (1_000_000, 4_000_000, 16_000_000), (10, 1000, 10_000)
Record = Callable[[str, str, list[dict[str, Any]]], None]


def main() -> None:
    """Read the command line, measure, write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=PHOTOS, help="folder or zip of <label>/<photo>")
    parser.add_argument("--real", type=int, default=REAL, help=f"photos of the real base (default: {REAL:,}; 0: none)")
    parser.add_argument("--drawn", type=int, nargs="*", default=DRAWN, help="photos of each drawn base")
    parser.add_argument("--new", type=int, nargs="+", default=NEW, help="new photos of each run")
    parser.add_argument("--page", type=Path, default=page.PAGE, help="page to write into")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file for the raw figures")
    parser.add_argument("--first-port", type=int, default=FIRST_PORT, help="first of 10 ports of local AWS")
    arguments = parser.parse_args()
    found: list[page.Measured] = []

    def record(base: str, run: str, rows: list[dict[str, Any]]) -> None:
        found.append(page.Measured(base, run, rows))
        page.write(found, arguments.page, arguments.results)

    photos = [*Album(arguments.images, arguments.real or None).files()]
    bases = [*([0] if arguments.real else []), *arguments.drawn]
    for drawn in bases:
        with place(drawn, arguments.first_port) as at:
            if drawn:
                write_base(at, drawn, arguments.images)
            measure(at, drawn, photos, arguments.new, record)


@contextlib.contextmanager
def place(drawn: int, first_port: int) -> Iterator[Place]:
    """Run local AWS with an empty bucket for a base while the body runs. Then delete all of its files."""
    state = FOLDER / "scheduled" / f"aws-{drawn}"
    shutil.rmtree(state, ignore_errors=True)
    ports = {"s3_port": first_port, "emr_port": first_port + 8, "s3_metrics_port": first_port + 9}
    try:
        with local_stack.local_stack(state, **ports) as stack:
            bucket = f"verger-scheduled-{drawn}"
            yield Place(stack, local_stack.open_bucket(stack, bucket), bucket)
    finally:
        shutil.rmtree(state, ignore_errors=True)


def write_base(at: Place, drawn: int, images: Path) -> None:
    """Publish so many drawn photos, with the features of some photographs."""
    argv = [sys.executable, "-m", "benchmarks.scheduled.drawn_base", str(drawn), "--images", str(images)]
    log = FOLDER / "logs" / f"{at.bucket}-base.log"
    written = meter.run(argv, at.variables, cwd=FOLDER, log=log, timeout=TIMEOUT_S)
    print(f"{written.output.strip()}; written in {written.seconds:.0f} s", flush=True)


def measure(at: Place, drawn: int, photos: Sequence[tuple[str, bytes]], counts: Sequence[int], record: Record) -> None:
    """Measure a run for each number of new photos; of the real base (`drawn` is 0), the first run too."""
    made = PhotoChanges(at.store, photos, DrawnPhotos(drawn) if drawn else None)
    base = f"{drawn or len(photos):,} {'drawn' if drawn else 'real'}"
    if not drawn:
        put(at.store, ((f"{PREFIX}{name}", content) for name, content in photos))
        record(base, "first run", [*ScheduledRun(at, "first", "list_images", {}).rows()])
    for number, new in enumerate(counts):
        made.make(number, new)
        facts = {"drawn": drawn, "deleted": sorted(made.deleted), "stored": made.stored()} if drawn else {}
        made_run = ScheduledRun(at, f"new-{new}", "drawn_inventory" if drawn else "list_images", facts)
        record(base, f"{new:,} new", [*made_run.rows()])


if __name__ == "__main__":
    main()
