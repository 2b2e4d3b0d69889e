"""The notebook's PCA by spark-submit: MLlib's PCA, fitted once to find k, fitted again with k, and applied.

    spark-submit notebook_pca.py --features URI --out URI [--components N] [--target SHARE]

It reads Parquet with the columns path and features, and writes path and pca_features. The last line that it prints is a
JSON object: k, and the seconds of each part.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
from pyspark.ml.feature import PCA
from pyspark.ml.functions import array_to_vector, vector_to_array
from pyspark.sql import SparkSession


def main() -> None:
    """Fit twice, transform, write path and coordinates."""
    started = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", required=True, metavar="URI", help="Parquet: path, features array<float>")
    parser.add_argument("--out", required=True, metavar="URI", help="Parquet written: path, pca_features array<double>")
    parser.add_argument("--components", type=int, default=1000, help="k of the first fit (default: 1000)")
    parser.add_argument("--target", type=float, default=0.90, help="share of the variance to explain (default: 0.90)")
    arguments = parser.parse_args()
    seconds: dict[str, float] = {}

    def lap(name: str) -> None:
        seconds[name] = round(time.monotonic() - started - sum(seconds.values()), 3)

    spark = SparkSession.builder.appName("notebook PCA").getOrCreate()
    lap("startup")
    rows = spark.read.parquet(arguments.features).select("path", array_to_vector("features").alias("vector"))
    pca = PCA(k=arguments.components, inputCol="vector", outputCol="coordinates")
    explained = np.cumsum(pca.fit(rows).explainedVariance.toArray())
    if explained[-1] < arguments.target:
        raise SystemExit(f"{arguments.components} components explain {explained[-1]:.3f}, expected {arguments.target}")
    k = int(np.searchsorted(explained, arguments.target)) + 1
    lap("first fit")
    model = pca.setK(k).fit(rows)
    lap("second fit")
    coordinates = model.transform(rows).select("path", vector_to_array("coordinates").alias("pca_features"))
    coordinates.write.mode("overwrite").parquet(arguments.out)
    lap("transform and write")
    print(json.dumps({"k": k, "seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
