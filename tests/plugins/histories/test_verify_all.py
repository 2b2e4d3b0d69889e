"""A run with verify_all reads all published rows: it finds a defect that a scheduled run cannot see."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy
import pyarrow
import pyarrow.parquet as pq
import pytest

from tests.plugins.orchard import AUTO, Orchard
from verger.settings import Settings
from verger.validation.check import ValidationError
from verger_contract.metrics import FILE_LIST
from verger_contract.schemas import FEATURES, PCA

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REUSE = replace(AUTO, basis="reuse")
"""The basis is kept, so that a run does not write all coordinates again."""

VERIFY_ALL = replace(REUSE, verify_all=True)


@pytest.fixture
def orchard(settings: Settings, client: S3Client, tmp_path: Path) -> Orchard:
    """An orchard with two publications: the second one has the tables of both runs."""
    made = Orchard(settings, client, tmp_path)
    for number in range(24):
        made.put(f"{('Kiwi', 'Fig', 'Pear')[number % 3]}/{number}.jpg", b"photo %d" % number)
    made.run("one")
    made.put("Kiwi/late.jpg", b"late")
    made.run("two", REUSE)
    return made


def test_it_is_work_without_new_photos(orchard: Orchard) -> None:
    assert not orchard.run("nothing").work
    before = orchard.json("published.json")["verified_all_at"]
    orchard.pass_days(1)
    plan = orchard.run("three", VERIFY_ALL)
    assert (plan.work, plan.why) == (True, "verification of all published rows")
    after = orchard.json("published.json")
    assert (after["run"], after["photos"]) == ("three", 25)
    assert after["verified_all_at"] > before
    assert not orchard.run("four").work


def test_it_is_due_after_the_days_of_the_setting(orchard: Orchard) -> None:
    days = orchard.settings.validation.verify_all_days
    orchard.pass_days(days - 1)
    assert not orchard.run("three").work
    orchard.pass_days(2)
    assert orchard.run("four").why == "verification of all published rows"
    limits = replace(orchard.settings.validation, verify_all_days=0)
    orchard.settings = replace(orchard.settings, validation=limits)
    orchard.pass_days(2 * days)
    assert not orchard.run("five").work


def change(orchard: Orchard, table: str, column: str, schema: pyarrow.Schema) -> None:
    """Change a vector of a published table, its file list, and what published.json says of the list."""
    key, at = f"{table}/run=one/part-0.parquet", f"{table}/run=one/{FILE_LIST}"
    body = orchard.client.get_object(Bucket=orchard.bucket, Key=key)["Body"].read()
    rows = pq.read_table(pyarrow.BufferReader(body)).to_pylist()
    rows[0][column] = numpy.random.default_rng(1).normal(size=len(rows[0][column])).tolist()
    buffer = io.BytesIO()
    pq.write_table(pyarrow.Table.from_pylist(rows, schema=schema), buffer)
    put(orchard, key, buffer.getvalue())
    etag = orchard.client.head_object(Bucket=orchard.bucket, Key=key)["ETag"].strip('"')
    facts = {"bytes": len(buffer.getvalue()), "sha256": hashlib.sha256(buffer.getvalue()).hexdigest(), "etag": etag}
    (file,) = orchard.json(at)["files"]
    content = json.dumps({"files": [file | facts]}).encode()
    put(orchard, at, content)
    document = orchard.json("published.json")
    for entry in document[table]:
        if entry["run"] == "one":
            entry["files"] = hashlib.sha256(content).hexdigest()
    put(orchard, "published.json", json.dumps(document).encode())


def put(orchard: Orchard, key: str, content: bytes) -> None:
    orchard.client.put_object(Bucket=orchard.bucket, Key=key, Body=content)


@pytest.mark.parametrize(
    ("table", "column", "schema"),
    [("features", "features", FEATURES.arrow), ("pca", "pca_features", PCA.arrow)],
)
def test_a_defect_in_an_earlier_run_is_found(orchard: Orchard, table: str, column: str, schema: Any) -> None:
    """Whoever can change the table, its list and published.json deceives every check of a scheduled run."""
    change(orchard, table, column, schema)
    orchard.put("Kiwi/new.jpg", b"new")
    with pytest.raises(ValidationError, match="projections are features times basis"):
        orchard.run("three", VERIFY_ALL)
    orchard.run("four", REUSE)
    assert orchard.json("published.json")["run"] == "four", "only new rows were read"
