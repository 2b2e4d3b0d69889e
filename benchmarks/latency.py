"""Step 1 with 0 to 100 ms added to every response of S3, over the same photos.

    python -m benchmarks.latency [--photos N] [--repeat R]       (in the dev environment, plugins/ on PYTHONPATH;
                                                                  `make bench-latency`)

All requests of the step (photos, listing, Parquet) go through `benchmarks.harness.latency_proxy`, also with 0 ms. The
delays take turns, R times, so that a slower machine slows all of them down. Figures are medians. After each run the
table is written into benchmarks/README.md, and its rows into benchmarks/results.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.harness import local_stack, results, steps, tables
from benchmarks.harness.latency_proxy import proxied
from benchmarks.harness.photo_bucket import PhotoBucket, photo_bucket
from benchmarks.harness.places import FOLDER, PHOTOS, README, RESULTS
from benchmarks.measuring import meter
from verger_contract.metrics import FeaturizeMetrics

ADDED_MS = (0, 10, 30, 100)
RUN = "latency"
Speeds = Mapping[int, Sequence[float]]
"""Photos per second of each run, by the delay in milliseconds."""


def main() -> None:
    """Read the command line, measure, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=PHOTOS, help="folder or zip of <label>/<photo>")
    parser.add_argument("--photos", type=int, help="photos to featurize (default: all)")
    parser.add_argument("--repeat", type=int, default=2, help="number of runs with each delay (default: 2)")
    parser.add_argument("--page", type=Path, default=README, help="page to write into")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file for the raw figures")
    arguments = parser.parse_args()
    with photo_bucket(arguments.images) as bucket:
        photos = arguments.photos or bucket.photos

        def record(speeds: Speeds) -> None:
            tables.write("latency", table(speeds), arguments.page)
            rows = [{"added_ms": added, "photos_per_second": [*found]} for added, found in speeds.items()]
            results.save("latency", {"photos": photos, "rows": rows}, arguments.results)

        measure(bucket, photos, arguments.repeat, record)


def measure(bucket: PhotoBucket, photos: int, repeat: int, record: Callable[[Speeds], None]) -> None:
    """Run step 1 with each delay in turn, `repeat` times, and call `record` after each run."""
    inventory = bucket.inventory(photos)
    speeds: dict[int, list[float]] = {}
    for _ in range(repeat):
        for added in ADDED_MS:
            speeds.setdefault(added, []).append(round(speed(bucket, inventory, added), 1))
            print(f"{added:>4} ms added: {speeds[added][-1]} photos/s", flush=True)
            record(speeds)
    bucket.empty(f"{RUN}/")


def speed(bucket: PhotoBucket, inventory: str, added: int) -> float:
    """Return the photos per second of one run, without the start of Spark.

    Raises
    ------
    SystemExit
        The step rejected photos.
    """
    bucket.empty(f"{RUN}/")
    with proxied(bucket.variables["AWS_ENDPOINT_URL_S3"], added) as endpoint:
        step = steps.featurize({**bucket.variables, "AWS_ENDPOINT_URL_S3": endpoint}, RUN, inventory)
        meter.run(step.argv, step.environment, cwd=FOLDER, log=FOLDER / "logs" / f"{RUN}-{added}.log")
    metrics: FeaturizeMetrics = json.loads(local_stack.read(bucket.store, f"{RUN}/featurize.json"))
    if metrics["featurized"] != metrics["photos"]:
        raise SystemExit(f"{metrics['rejected']} of {metrics['photos']} photos were rejected: {metrics['rejects']}")
    return float(metrics["photos"] / (metrics["seconds"]["total"] - metrics["seconds"]["startup"]))


def table(speeds: Speeds) -> list[dict[str, Any]]:
    """Return the rows of the table."""
    base = median(speeds[ADDED_MS[0]])
    return [
        {
            "added to every response, ms": added,
            "photos/s (without Spark's start)": f"{median(found):.1f}",
            "against 0 ms": f"{median(found) / base:.3f}",
        }
        for added, found in speeds.items()
    ]


if __name__ == "__main__":
    main()
