"""verger_reader in a Spark job of a consumer: only the one file, and Spark's own access to the data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq

import verger_reader
from tests.places import ROOT
from tests.spark_jobs.conftest import Submit
from tests.written_publication import orchard
from verger_contract.metrics import FILE_LIST, ListedFile, list_document

JOB = """
import sys
from pyspark.sql import SparkSession
import verger_reader
root, target = sys.argv[1:]
spark = SparkSession.builder.getOrCreate()
published = verger_reader.open_publication(root, run="2026-01-02")
for name in ("features", "pca"):
    rows = published.to_spark(spark, name)
    rows.coalesce(1).write.parquet(f"{target}/{name}")
    empty = verger_reader.open_publication(root).to_spark(spark, name)
    print(name, "unpublished:", empty.count(), empty.schema == rows.schema)
plan = published.to_spark(spark, "features")._jdf.queryExecution().executedPlan().toString()
print("broadcast:", "BroadcastHashJoin" in plan)
"""


def test_spark_and_arrow_read_the_same_rows(tmp_path: Path, submit: Submit) -> None:
    bucket = orchard(tmp_path / "50 % é")
    bucket.unpublish()
    for folder in sorted(bucket.folder.glob("*/run=*")):
        listed = [ListedFile(path.name, 0, path.stat().st_size, "") for path in folder.glob("*.parquet")]
        (folder / FILE_LIST).write_text(json.dumps(list_document(listed)))
        shutil.copy(folder / listed[0].name, folder / "part-9.parquet")  # not in the file list, so it is not read
    (tmp_path / "job.py").write_text(JOB)
    shutil.copy(ROOT / "verger_reader.py", tmp_path)
    done = submit(tmp_path, tmp_path / "job.py", bucket.root, (tmp_path / "written").as_uri())
    assert done.code == 0, done.output
    published = verger_reader.open_publication(bucket.root, run="2026-01-02")
    for name, expected in (("features", published.features()), ("pca", published.pca())):
        found = pq.read_table(tmp_path / "written" / name)
        assert found.sort_by("path").cast(expected.schema) == expected.sort_by("path").combine_chunks()
        assert f"{name} unpublished: 0 True" in done.output
    assert "broadcast: True" in done.output
