"""Step 1 by spark-submit over a bucket: errors of one photo are rejects, errors of the store end the step."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.spark_jobs.conftest import BUCKET, Finished, Submit
from tests.spark_jobs.s3_answers import NOT_AUTHORIZED, ErrorAnswer, answering
from verger_contract.metrics import RUNNING
from verger_contract.schemas import INVENTORY
from verger_spark.features.photo_errors import FEWEST_DENIED

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def photo() -> bytes:
    buffer = io.BytesIO()
    Image.radial_gradient("L").resize((100, 100)).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


def write_inventory(folder: Path, etags: dict[str, str]) -> None:
    rows = [{"path": path, "etag": etag, "size": 1000} for path, etag in sorted(etags.items())]
    pq.write_table(pa.Table.from_pylist(rows, schema=INVENTORY.arrow), folder / "inventory.parquet")


def error_line(finished: Finished) -> str:
    """The line with which the step reports its error. Spark's own lines follow."""
    return next(line for line in finished.output.splitlines() if line.startswith("verger: error: "))


def test_photos_that_s3_does_not_give_are_rejects(s3: S3Client, tmp_path: Path, featurize: Submit) -> None:
    names, secret = ("good", "sse-c", "deleted", "changed"), hashlib.sha256(b"k").digest()
    keys = {name: f"images/Kiwi/{name}.jpg" for name in names}
    for name in ("good", "deleted", "changed"):
        s3.put_object(Bucket=BUCKET, Key=keys[name], Body=photo())
    s3.put_object(Bucket=BUCKET, Key=keys["sse-c"], Body=photo(), SSECustomerAlgorithm="AES256", SSECustomerKey=secret)
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix="images/Kiwi/")["Contents"]
    write_inventory(tmp_path, {item["Key"]: item["ETag"].strip('"') for item in listed if item["Key"] in keys.values()})
    s3.delete_object(Bucket=BUCKET, Key=keys["deleted"])
    s3.put_object(Bucket=BUCKET, Key=keys["changed"], Body=photo() + b" ")
    finished = featurize(tmp_path, "--images", f"s3://{BUCKET}")
    assert finished.code == 0, finished.output
    assert [row["path"] for row in finished.rows("features")] == [keys["good"]]
    assert {row["path"]: row["kind"] for row in finished.rows("rejects")} == {
        keys["sse-c"]: "encrypted with a customer key",
        keys["deleted"]: "deleted since it was listed",
        keys["changed"]: "changed since it was listed",
    }


def test_a_missing_bucket_ends_the_step(s3: S3Client, tmp_path: Path, featurize: Submit) -> None:
    write_inventory(tmp_path, {f"images/Kiwi/{number}.jpg": "etag" for number in range(3)})
    finished = featurize(tmp_path, "--images", "s3://nowhere")
    assert finished.code == 1
    error = error_line(finished)
    assert error.startswith("verger: error: s3://nowhere/images/Kiwi/")
    assert ".jpg: cannot be read: NoSuchBucket (HTTP 404): " in error
    assert "; create the bucket, or correct its name" in error
    assert list(finished.json("featurize.json")) == [RUNNING], "the attempt did not complete"


def test_denied_access_to_all_photos_ends_the_step(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, featurize: Submit
) -> None:
    write_inventory(tmp_path, {f"images/Kiwi/{number}.jpg": "etag" for number in range(FEWEST_DENIED)})
    denied = ErrorAnswer(403, "AccessDenied", NOT_AUTHORIZED.format("s3:GetObject", "s3:GetObject"))
    with answering(monkeypatch, denied.status, denied.body):
        finished = featurize(tmp_path, "--images", "s3://orchard")
    assert finished.code == 1
    assert error_line(finished).startswith(
        f"verger: error: s3://orchard: access is denied to {FEWEST_DENIED} of {FEWEST_DENIED} photos"
    )
    assert list(finished.json("featurize.json")) == [RUNNING], "the step repeats its work when it is submitted again"
