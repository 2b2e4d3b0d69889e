"""A program for spark-submit: fits Spark's own PCA to the features, and loads a basis that step 2 saved.

mllib_reference.py FOLDER    with features/ and basis/; writes reference.npz, loaded.npz, transformed/ and saved/
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from pyspark.ml.feature import PCA, PCAModel
from pyspark.ml.functions import array_to_vector, vector_to_array
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

folder = Path(sys.argv[1])
spark = SparkSession.builder.getOrCreate()
features = spark.read.parquet(str(folder / "features")).withColumn(
    "features", array_to_vector(F.col("features").cast("array<double>"))
)
width = features.first()["features"].size
fitted = PCA(k=width, inputCol="features", outputCol="out").fit(features)
np.savez(folder / "reference.npz", components=fitted.pc.toArray(), ratio=fitted.explainedVariance.toArray())

loaded = PCAModel.load(str(folder / "basis"))
transformed = loaded.transform(features)
coordinates = transformed.select("path", vector_to_array("pca_features").alias("pca_features"))
coordinates.write.mode("overwrite").parquet(str(folder / "transformed"))
loaded.write().overwrite().save(str(folder / "saved"))
np.savez(folder / "loaded.npz", ratio=loaded.explainedVariance.toArray(), k=loaded.getK())
