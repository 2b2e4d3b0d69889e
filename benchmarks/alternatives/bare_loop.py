"""The bare loop: no orchestration. Each of n processes, one for each core, takes every n-th photo of the list.

    python -m benchmarks.alternatives.bare_loop --photos FOLDER --list LIST --model MODEL.tflite --out FOLDER

It has no retries, no rejects, no progress and one machine: an upper bound for the speed of programs with them. It reads
local files, or S3 (`--photos s3://BUCKET`) a few photos ahead. With `--kernels verger` it calls Verger's decoder and
network (spark_jobs/ and plugins/ on PYTHONPATH). Then only orchestration differs from Verger's step.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.alternatives import interface
from benchmarks.alternatives.network import Network

if TYPE_CHECKING:
    from obstore.store import S3Config

Featurize = Callable[[bytes], NDArray[np.float32]]
WRITTEN_AT_ONCE = 1024
READ_AHEAD = 4
"""Photos that each process reads from S3 while it featurizes one."""


def main() -> None:
    """Featurize the photos of the list."""
    clock = interface.Clock()
    parser = interface.command_line(__doc__)
    parser.add_argument("--kernels", choices=["own", "verger"], default="own")
    parser.add_argument("--decoding", choices=["exact", "scaled"], default="exact", help="of Verger's decoder")
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
    if arguments.kernels == "verger":
        featurize = verger(arguments.model, arguments.decoding)
    else:
        featurize = Network(arguments.model).features
    photos = contents(arguments.photos, paths)
    with pq.ParquetWriter(arguments.out / f"part-{number:03}.parquet", interface.SCHEMA) as writer:
        for start in range(0, len(paths), WRITTEN_AT_ONCE):
            some = paths[start : start + WRITTEN_AT_ONCE]
            writer.write_table(interface.rows(some, [featurize(photo) for photo in islice(photos, len(some))]))


def contents(photos: str, paths: Sequence[str]) -> Iterator[bytes]:
    """Yield the content of each photo, in order."""
    if not photos.startswith("s3://"):
        yield from ((Path(photos) / path).read_bytes() for path in paths)
        return
    import obstore
    from obstore.store import S3Store

    # The environment has region and credentials.
    config: S3Config = {"endpoint": os.environ["AWS_ENDPOINT_URL_S3"]}
    store = S3Store(photos.removeprefix("s3://"), config=config, client_options={"allow_http": True})
    waiting: deque[Future[bytes]] = deque()
    with ThreadPoolExecutor(READ_AHEAD) as pool:
        for path in paths:
            waiting.append(pool.submit(lambda key: bytes(obstore.get(store, key).bytes()), path))
            if len(waiting) > READ_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def verger(model: Path, decoding: str) -> Featurize:
    """Return the function that computes features with Verger's decoder and network."""
    from verger_contract.preprocessing import Decoding
    from verger_photo.decode import decode
    from verger_photo.model import Featurizer
    from verger_spark.features.model import load_model

    featurizer = Featurizer(load_model(model.resolve().parent.as_uri()))
    how = Decoding(decoding)
    return lambda content: featurizer.features(decode(content, how))


if __name__ == "__main__":
    main()
