"""The whole comparison, side by side in one run over the same photographs: a bare loop, the notebook way, Ray Data,
Daft, Verger's two steps by spark-submit over S3, and the whole DAG.

    python -m benchmarks.comparison [--images ZIP] [--photos N] [--notebook N] [--repeat N]
                                 [--only comparison|step_2|whole_dag ...]
                                 (in the dev environment, plugins/ on PYTHONPATH; `make bench`)

All take all photos but the notebook, which is slow and takes a part of them. Contestants take turns, so that what else
the machine does meets all of them alike; figures are medians. Every contestant's features are compared with Verger's.
Tables go into benchmarks/README.md, raw rows into benchmarks/results.json.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.comparison.runs import Contest, Outcome, bare_loop, daft_way, notebook_way, ray_data, verger
from benchmarks.comparison.step_2 import step_2
from benchmarks.comparison.whole_dag import whole_dag
from benchmarks.harness import results, tables
from benchmarks.harness.photo_bucket import FOLDER, PHOTOS, photo_bucket

Run = Callable[[], Outcome]
VERGER = "Verger, step 1, from S3"
NOTEBOOK = "notebook way, local files"
PARTS = ("comparison", "step_2", "whole_dag")


def main() -> None:
    """Measure, compare, write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=PHOTOS, help="folder or zip of <label>/<photo>")
    parser.add_argument("--photos", type=int, help="photos that everyone takes (default: all)")
    parser.add_argument("--notebook", type=int, default=6000, help="photos that the notebook takes, once")
    parser.add_argument("--repeat", type=int, default=2, help="how often each is run")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts of it (default: all)")
    arguments = parser.parse_args()
    if {"comparison", "step_2"} & set(arguments.only):
        with photo_bucket(arguments.images) as bucket:
            every = Contest(bucket, min(arguments.photos or bucket.photos, bucket.photos))
            if "comparison" in arguments.only:
                publish(contest(every, arguments.notebook, arguments.repeat))
            if "step_2" in arguments.only:
                record("step_2", step_2(bucket, every.count, arguments.repeat))
    if "whole_dag" in arguments.only:
        record("whole_dag", whole_dag(arguments.images, arguments.photos))


def contest(every: Contest, notebook: int, repeat: int) -> dict[str, dict[str, Any]]:
    """Everyone over all photos, the notebook over at most so many."""
    few = Contest(every.bucket, min(notebook, every.count))
    return turns(
        repeat,
        {
            "bare loop, local files": partial(bare_loop, every),
            "bare loop with Verger's decoder and network": partial(bare_loop, every, kernels="verger"),
            VERGER: partial(verger, every),
            "Ray Data, from S3": partial(ray_data, every),
            "Daft, from S3": partial(daft_way, every),
            NOTEBOOK: partial(notebook_way, few),
        },
    )


def record(name: str, rows: list[dict[str, Any]]) -> None:
    """A table, and its rows."""
    tables.write(name, rows)
    results.save(name, rows)


def turns(repeat: int, contestants: dict[str, Run]) -> dict[str, dict[str, Any]]:
    """Run everyone in turn, `repeat` times over, the notebook once; the median of each figure, and how far their
    features lie apart.
    """
    found: dict[str, list[Outcome]] = {name: [] for name in contestants}
    for number in range(repeat):
        for name, run in contestants.items():
            if number and name == NOTEBOOK:  # it takes as long as all the others together
                continue
            outcome = run()
            print(f"{number + 1}/{repeat} {name}: {outcome.photos / outcome.seconds:.1f} photos/s", flush=True)
            found[name].append(outcome)
    reference = read(found[VERGER][-1].features)
    rows = {}
    for name, outcomes in found.items():
        rows[name] = {
            "photos": outcomes[0].photos,
            **{figure: median(getattr(outcome, figure) for outcome in outcomes) for figure in Outcome.FIGURES},
            "photos_per_second": median(outcome.photos / outcome.seconds for outcome in outcomes),
            "difference": difference(reference, read(outcomes[-1].features)),
            "runs": len(outcomes),
        }
    for outcomes in found.values():
        shutil.rmtree(outcomes[-1].features, ignore_errors=True)
    return rows


def publish(rows: dict[str, dict[str, Any]]) -> None:
    """The tables of the contest, and its raw rows."""
    ours = rows[VERGER]
    for row in rows.values():
        row["cpu_seconds_per_1000"] = 1000 * row["cpu_seconds"] / row["photos"]
    tables.write(
        "comparison",
        [
            {
                "": who,
                "photos": row["photos"],
                "runs": row["runs"],
                "photos/s": f"{row['photos_per_second']:.1f}",
                "CPU s per 1,000": f"{row['cpu_seconds_per_1000']:.2f}",
                "start and end, s (CPU s)": f"{row['start_seconds']:.1f} ({row['start_cpu_seconds']:.1f})",
                "peak of all, MB": round(row["peak_mb"]),
                "largest worker, MB": round(row["worker_mb"]),
                "largest difference": f"{row['difference']:.1e}",
            }
            for who, row in rows.items()
        ],
        under=tables.versions("node", "spark", "bench", "bench-notebook"),
    )
    tables.write(
        "ratios",
        [
            {
                "Verger's step 1 against": who,
                "photos/s": f"{ours['photos_per_second'] / row['photos_per_second']:.3f} ×",
                "CPU s a photo": f"{ours['cpu_seconds_per_1000'] / row['cpu_seconds_per_1000']:.3f} ×",
            }
            for who, row in rows.items()
            if row is not ours
        ],
    )
    results.save("comparison", [{"name": who, **row} for who, row in rows.items()])


def read(folder: Path) -> pa.Table:
    """path and features that a contestant wrote, the path as `<label>/<file>`."""
    table = pq.read_table(folder, columns=["path", "features"])
    names = ["/".join(path.split("/")[-2:]) for path in table["path"].to_pylist()]
    return table.set_column(0, "path", pa.array(names)).sort_by("path")


def difference(reference: pa.Table, found: pa.Table) -> float:
    """The largest absolute difference of any feature of the photos that both have.

    Raises
    ------
    SystemExit
        Photos of `found` are missing in `reference`.
    """
    places = {path: row for row, path in enumerate(reference["path"].to_pylist())}
    largest = 0.0
    for start in range(0, len(found), 1024):
        some = found.slice(start, 1024).combine_chunks()
        rows = [places.get(path) for path in some["path"].to_pylist()]
        if None in rows:
            raise SystemExit(f"{some['path'][rows.index(None)]}: Verger has no features of this photo")
        ours = reference.take(rows)["features"].combine_chunks().flatten().to_numpy()
        theirs = some["features"].combine_chunks().flatten().to_numpy()
        largest = max(largest, float(np.abs(ours - theirs).max()))
    return largest


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    main()
