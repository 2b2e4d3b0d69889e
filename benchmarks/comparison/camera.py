"""Photos of 2 and of 12 megapixels: step 1 in both decodings, the bare loop, Ray Data and Daft, each from S3."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.comparison.runs import bare_loop_from_s3, daft_way, ray_data, verger
from benchmarks.comparison.turns import Rows, take_turns
from benchmarks.harness import camera_photos, local_stack, results, tables
from benchmarks.harness.camera_photos import TWELVE, TWO, Camera
from benchmarks.harness.photo_bucket import BUCKET, PhotoBucket, list_photos
from sample_photos.albums import Album, synchronise
from verger.emr.requests import EXECUTOR_CORES, EXECUTOR_OVERHEAD_MIB
from verger_contract.preprocessing import Decoding

EXACT, SCALED = (f"Verger, step 1, {decoding}" for decoding in Decoding)
LOOPS = {EXACT: "bare loop, exact", SCALED: "bare loop, scaled"}
OTHERS = ("Ray Data", "Daft")
RATIOS = {EXACT: (LOOPS[EXACT], *OTHERS), SCALED: (LOOPS[SCALED], *OTHERS)}
"""For each of Verger's decodings, the programs with which it is compared."""

WORKER_MB = EXECUTOR_OVERHEAD_MIB * 2**20 / EXECUTOR_CORES / 1e6
"""Memory that a Python worker may have on a cluster: its part of the executor's overhead."""


def camera(images: Path, count: int | None, repeat: int, page: Path, path: Path) -> None:
    """Run all programs in turn over the photos of each size, and record the figures after each run.

    Parameters
    ----------
    images : Path
        Folder or zip of the small photos of which the large ones are composed.
    count : int, optional
        Photos of each size. None takes all.
    repeat : int
        Number of turns.
    page : Path
        Page with the tables.
    path : Path
        File of the raw figures.
    """
    found: dict[str, Rows] = {}
    with local_stack.local_stack() as stack:
        store = local_stack.open_bucket(stack, BUCKET)
        for size in (TWELVE, TWO):
            folder = camera_photos.make(size, images)
            prefix = f"{folder.name}/"
            synchronise(store, prefix, Album(folder))
            bucket = PhotoBucket(stack, store, folder, list_photos(store, prefix))

            def record(rows: Rows, size: Camera = size) -> None:
                found[size.name] = rows
                publish(found, page, path)

            photos = min(count or bucket.photos, bucket.photos)
            take_turns(programs(bucket, photos), repeat, record, reference=EXACT)


def programs(bucket: PhotoBucket, count: int) -> dict[str, Callable[[], Any]]:
    """Return the programs by name, in the order in which they run."""
    return {
        LOOPS[EXACT]: partial(bare_loop_from_s3, bucket, count, Decoding.EXACT),
        EXACT: partial(verger, bucket, count, Decoding.EXACT),
        "Ray Data": partial(ray_data, bucket, count),
        "Daft": partial(daft_way, bucket, count),
        LOOPS[SCALED]: partial(bare_loop_from_s3, bucket, count, Decoding.SCALED),
        SCALED: partial(verger, bucket, count, Decoding.SCALED),
    }


def publish(found: dict[str, Rows], page: Path, path: Path) -> None:
    """Write both tables into `page` and save the raw figures in `path`."""
    rows = [{"size": size, "name": name, **row} for size, each in found.items() for name, row in each.items()]
    results.save("camera", rows, path)
    under = tables.versions("node", "spark", "bench")
    tables.write("camera", [_shown(row) for row in rows], page, under=under)
    if compared := [ratio for size, each in found.items() for ratio in ratios(size, each)]:
        tables.write("camera_ratios", compared, page)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "size": row["size"],
        "": row["name"],
        "photos": row["photos"],
        "runs": row["runs"],
        "photos/s": f"{row['photos_per_second']:.1f}",
        "CPU ms a photo": f"{1000 * row['cpu_seconds'] / row['photos']:.1f}",
        "start and end, s": f"{row['start_seconds']:.1f}",
        "peak of all, MB": round(row["peak_mb"]),
        "largest worker, MB": round(row["worker_mb"]),
        "largest difference from exact": "" if row["difference"] is None else f"{row['difference']:.1e}",
    }


def ratios(size: str, rows: Rows) -> Sequence[dict[str, Any]]:
    """Return Verger's photos/s divided by those of the other programs, as far as both were measured."""
    return [
        {
            "size": size,
            "": ours,
            "divided by": theirs,
            "photos/s": f"{rows[ours]['photos_per_second'] / rows[theirs]['photos_per_second']:.2f} ×",
            "CPU a photo": f"{rows[ours]['cpu_seconds'] / rows[theirs]['cpu_seconds']:.2f} ×",
            f"largest worker, of {WORKER_MB:.0f} MB": f"{rows[ours]['worker_mb'] / WORKER_MB:.0%}",
        }
        for ours, others in RATIOS.items()
        for theirs in others
        if ours in rows and theirs in rows
    ]
