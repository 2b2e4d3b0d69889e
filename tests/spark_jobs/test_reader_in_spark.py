"""verger_reader in a Spark job of a consumer: only the one file, and Spark's own access to the data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy
import pyarrow.parquet as pq

import verger_reader
from tests.places import ROOT
from tests.spark_jobs.conftest import Submit
from tests.written_publication import WIDTH, WrittenBucket, orchard, photo
from verger_contract.metrics import FILE_LIST, ListedFile, list_document

JOB = """
import sys
from pyspark.sql import SparkSession
import verger_reader
target, *roots = sys.argv[1:]
spark = SparkSession.builder.getOrCreate()
for number, root in enumerate(roots):
    published = verger_reader.open_publication(root, run="1e3")
    for name in ("features", "pca"):
        rows = published.to_spark(spark, name)
        rows.coalesce(1).write.parquet(f"{target}/{number}/{name}")
        empty = verger_reader.open_publication(root).to_spark(spark, name)
        print(number, name, "unpublished:", empty.count(), empty.schema == rows.schema)
        plan = rows._jdf.queryExecution().executedPlan().toString()
        print(number, name, "broadcast:", "BroadcastHashJoin" in plan)
"""


def test_spark_and_arrow_read_the_same_rows(tmp_path: Path, submit: Submit) -> None:
    folders = [tmp_path / "50 % é", tmp_path / "of an earlier Verger"]
    buckets = [orchard(folders[0]), orchard(folders[1], WrittenBucket(folders[1], version=3))]
    for bucket in buckets:
        removed = [("images/柿/2.jpg", "007"), ("images/柿/new.jpg", "2026-01-02")]
        bucket.publish("1e3", [photo("images/柿/3.jpg", "third", numpy.ones(WIDTH))], removed, project=["007"])
        bucket.unpublish()
        for folder in sorted(bucket.folder.glob("*/run=*")):
            listed = [ListedFile(path.name, 0, path.stat().st_size, "") for path in folder.glob("*.parquet")]
            (folder / FILE_LIST).write_text(json.dumps(list_document(listed)))
            shutil.copy(folder / listed[0].name, folder / "part-9.parquet")  # not in the file list, so it is not read
    (tmp_path / "job.py").write_text(JOB)
    shutil.copy(ROOT / "verger_reader.py", tmp_path)
    roots = [bucket.root for bucket in buckets]
    done = submit(tmp_path, tmp_path / "job.py", (tmp_path / "written").as_uri(), *roots)
    assert done.code == 0, done.output
    for number, root in enumerate(roots):
        published = verger_reader.open_publication(root, run="1e3")
        for name, expected in (("features", published.features()), ("pca", published.pca())):
            found = pq.read_table(tmp_path / "written" / str(number) / name)
            assert found.sort_by("path").cast(expected.schema) == expected.sort_by("path").combine_chunks()
            assert found.num_rows == 5
            assert f"{number} {name} unpublished: 0 True" in done.output
            assert f"{number} {name} broadcast: True" in done.output
