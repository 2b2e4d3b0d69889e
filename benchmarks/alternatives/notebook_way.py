"""The notebook: the usual way of transfer learning with Spark.

    python -m benchmarks.alternatives.notebook_way --photos FOLDER --list LIST --model MOBILENET.weights.h5 --out FOLDER

`binaryFile`, `repartition`, a pandas UDF that loads the Keras model and calls `predict`, `write.parquet`. It reads
local files, which is an advantage: in a cluster the photos come from S3 through the JVM.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from pyspark.sql import functions as F
from pyspark.sql.functions import pandas_udf
from pyspark.sql.types import ArrayType, FloatType

from benchmarks.alternatives import interface
from benchmarks.alternatives.notebook_session import open_session

PARTITIONS = 20
ROWS_PER_BATCH = 1024


def preprocess(content: bytes) -> NDArray[np.float32]:
    """Decode a photo and return the input of the network, float32 (224, 224, 3)."""
    from keras.applications.mobilenet_v2 import preprocess_input
    from keras.utils import img_to_array

    image = Image.open(io.BytesIO(content)).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
    pixels: NDArray[np.float32] = preprocess_input(img_to_array(image))
    return pixels


def main() -> None:
    """Featurize the photos of the list."""
    clock = interface.Clock()
    parser = interface.command_line(__doc__)
    parser.add_argument("--partitions", type=int, default=PARTITIONS)
    parser.add_argument("--driver-memory", default="4g")
    arguments = parser.parse_args()
    paths = interface.listed(arguments.list)
    weights = str(arguments.model.resolve())

    @pandas_udf(ArrayType(FloatType()))  # type: ignore[call-overload,untyped-decorator,unused-ignore]
    def featurize(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        from keras.applications import MobileNetV2

        model = MobileNetV2(include_top=False, pooling="avg", input_shape=(224, 224, 3), weights=weights)
        for contents in batches:
            features = model.predict(np.stack(contents.map(preprocess)), verbose=0)
            yield pd.Series(list(features))

    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="notebook-", dir=arguments.out.parent.resolve()) as scratch:
        folder = Path(scratch) / "photos"
        link(Path(arguments.photos), paths, folder)
        spark = open_session("notebook", arguments.cores, arguments.driver_memory, Path(scratch))
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", ROWS_PER_BATCH)
        clock.lap("startup")
        images = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(folder.as_uri())
        path = F.substring_index("path", f"{folder}/", -1).alias("path")
        features = images.repartition(arguments.partitions).select(path, featurize("content").alias("features"))
        features.write.mode("overwrite").parquet(str(arguments.out))
        clock.lap("work")
        spark.stop()
    clock.lap("end")
    clock.report(len(paths))


def link(photos: Path, paths: list[str], folder: Path) -> None:
    """Create a folder with links to these photos only, because a notebook reads a folder."""
    for path in paths:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(photos.resolve() / path)


if __name__ == "__main__":
    main()
