"""Daft: its `download` function for the photos of the list, a class UDF for the network, `write_parquet`.

    python -m benchmarks.alternatives.daft_way --photos s3://BUCKET/PREFIX --list LIST --model MODEL.tflite --out FOLDER

It follows the documentation: `@daft.cls` with a process for each instance, `@daft.method.batch`. Tried on two cores:
three instances, and eight connections instead of 32, make no difference. Four instances, threads instead of processes,
single rows, and batches of 8 or 128 are slower. Daft is much slower if TensorFlow is installed in its environment,
because it imports TensorFlow in each process.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

os.environ["DAFT_ANALYTICS_ENABLED"] = "0"
os.environ["DAFT_PROGRESS_BAR"] = "0"

import daft  # type: ignore[import-not-found]
from daft.functions import download  # type: ignore[import-not-found]
from daft.io import IOConfig, S3Config  # type: ignore[import-not-found]

from benchmarks.alternatives import interface
from benchmarks.alternatives.network import Network

BATCH = 32
FEATURES = daft.DataType.list(daft.DataType.float32())


class Featurize:
    """A process that loads the network once."""

    def __init__(self, model: str) -> None:
        self._network = Network(Path(model))

    @daft.method.batch(return_dtype=FEATURES, batch_size=BATCH)  # type: ignore[untyped-decorator]
    def __call__(self, photos: daft.Series) -> list[NDArray[np.float32]]:
        """Return the features of each photo, float32 (1280,)."""
        return [self._network.features(photo) for photo in photos]


def main() -> None:
    """Featurize the photos of the list."""
    clock = interface.Clock()
    arguments = interface.command_line(__doc__).parse_args()
    featurize = daft.cls(max_concurrency=arguments.cores, use_process=True)(Featurize)(str(arguments.model.resolve()))
    clock.lap("startup")
    photos = daft.read_parquet(str(arguments.list))
    uri = daft.lit(arguments.photos.rstrip("/") + "/") + photos["path"]
    photos = photos.with_column("content", download(uri, io_config=io(arguments.photos)))
    photos.select("path", featurize(photos["content"]).alias("features")).write_parquet(str(arguments.out.resolve()))
    clock.lap("work")
    clock.report(len(interface.listed(arguments.list)))


def io(photos: str) -> IOConfig | None:
    """Return how photos in S3 are read, None for local files. The environment has endpoint, region and credentials."""
    if not photos.startswith("s3://"):
        return None
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3")
    return IOConfig(
        s3=S3Config(
            endpoint_url=endpoint,
            region_name=os.environ.get("AWS_REGION"),
            key_id=os.environ["AWS_ACCESS_KEY_ID"],
            access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
            use_ssl=not (endpoint or "").startswith("http://"),
        )
    )


if __name__ == "__main__":
    main()
