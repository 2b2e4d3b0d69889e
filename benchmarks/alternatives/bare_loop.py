"""The bare loop: no orchestration. Each of n processes, one for each core, takes every n-th photo of the list.

    python -m benchmarks.alternatives.bare_loop --photos FOLDER --list LIST --model MODEL.tflite --out FOLDER

It has no retries, no rejects, no progress, one machine and local files: an upper bound for the speed of programs with
them. With `--kernels verger` it calls Verger's decoder and network (spark_jobs/ and plugins/ on PYTHONPATH). Then only
orchestration differs from Verger's step.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.alternatives import interface
from benchmarks.alternatives.network import Network

Featurize = Callable[[bytes], NDArray[np.float32]]
WRITTEN_AT_ONCE = 1024


def main() -> None:
    """Featurize the photos of the list."""
    clock = interface.Clock()
    parser = interface.command_line(__doc__)
    parser.add_argument("--kernels", choices=["own", "verger"], default="own")
    arguments = parser.parse_args()
    paths = interface.listed(arguments.list)
    arguments.out.mkdir(parents=True)
    processes = [
        multiprocessing.Process(target=work, args=(arguments, number, paths[number :: arguments.cores]))
        for number in range(arguments.cores)
    ]
    clock.lap("startup")
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        if process.exitcode:
            raise SystemExit(f"a process ended with exit code {process.exitcode}")
    clock.lap("work")
    clock.report(len(paths))


def work(arguments: argparse.Namespace, number: int, paths: list[str]) -> None:
    """Featurize `paths` one after the other, and write a file."""
    featurize = verger(arguments.model) if arguments.kernels == "verger" else Network(arguments.model).features
    photos = Path(arguments.photos)
    with pq.ParquetWriter(arguments.out / f"part-{number:03}.parquet", interface.SCHEMA) as writer:
        for start in range(0, len(paths), WRITTEN_AT_ONCE):
            some = paths[start : start + WRITTEN_AT_ONCE]
            writer.write_table(interface.rows(some, [featurize((photos / path).read_bytes()) for path in some]))


def verger(model: Path) -> Featurize:
    """Return the function that computes features with Verger's decoder and network."""
    from verger_photo.decode import decode
    from verger_photo.model import Featurizer
    from verger_spark.features.model import load_model

    featurizer = Featurizer(load_model(model.resolve().parent.as_uri()))
    return lambda content: featurizer.features(decode(content))


if __name__ == "__main__":
    main()
