"""Step 1 when S3 takes its time: the same photos with 0 to 100 ms added to every answer.

    python -m benchmarks.latency [--photos N] [--repeat R]       (in the dev environment, plugins/ on PYTHONPATH;
                                                                  `make bench-latency`)

Photos, listing, Parquet: all of the step's requests go through `benchmarks.harness.latency_proxy`, also with 0 ms. The
delays take turns, R times over, so that a machine that slows down slows all of them down; the median counts. Prints a
table, writes it into benchmarks/README.md and its rows into benchmarks/results.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import obstore

from benchmarks.harness import meter, results, steps, tables
from benchmarks.harness.latency_proxy import proxied
from benchmarks.harness.photo_bucket import FOLDER, PhotoBucket, photo_bucket

ADDED_MS = (0, 10, 30, 100)
RUN = "latency"


def main() -> None:
    """Measure, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, help="photos to featurize (default: all)")
    parser.add_argument("--repeat", type=int, default=2, help="how often each delay has its turn (default: 2)")
    arguments = parser.parse_args()
    with photo_bucket() as bucket:
        speeds = measure(bucket, arguments.photos or bucket.photos, arguments.repeat)
    tables.write("latency", table(speeds))
    rows = [{"added_ms": added, "photos_per_second": found} for added, found in speeds.items()]
    results.save("latency", {"photos": arguments.photos or bucket.photos, "rows": rows})


def measure(bucket: PhotoBucket, photos: int, repeat: int) -> dict[int, list[float]]:
    """Photos per second with each delay, as often as it had its turn."""
    inventory = bucket.inventory(photos)
    speeds: dict[int, list[float]] = {added: [] for added in ADDED_MS}
    for _ in range(repeat):
        for added in ADDED_MS:
            speeds[added].append(round(speed(bucket, inventory, added), 1))
            print(f"{added:>4} ms added: {speeds[added][-1]} photos/s", flush=True)
    bucket.empty(f"{RUN}/")
    return speeds


def speed(bucket: PhotoBucket, inventory: str, added: int) -> float:
    """Photos per second of one run, less Spark's start."""
    bucket.empty(f"{RUN}/")
    with proxied(bucket.variables["AWS_ENDPOINT_URL_S3"], added) as endpoint:
        step = steps.featurize({**bucket.variables, "AWS_ENDPOINT_URL_S3": endpoint}, RUN, inventory)
        meter.run(step.argv, step.environment, cwd=FOLDER, log=FOLDER / "logs" / f"{RUN}-{added}.log")
    metrics = json.loads(bytes(obstore.get(bucket.store, f"{RUN}/featurize.json").bytes()))
    if metrics["featurized"] != metrics["photos"]:
        raise SystemExit(f"{metrics['rejected']} of {metrics['photos']} photos were rejected: {metrics['rejects']}")
    return float(metrics["photos"] / (metrics["seconds"]["total"] - metrics["seconds"]["startup"]))


def table(speeds: Mapping[int, Sequence[float]]) -> list[dict[str, Any]]:
    """The rows of the README."""
    base = median(speeds[ADDED_MS[0]])
    return [
        {
            "added to every answer, ms": added,
            "photos/s (less Spark's start)": f"{median(found):.1f}",
            "against 0 ms": f"{median(found) / base:.3f}",
        }
        for added, found in speeds.items()
    ]


if __name__ == "__main__":
    main()
