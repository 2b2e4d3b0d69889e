"""verger_reader on S3, found by what is in the environment, as any AWS client finds it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local_aws.faults.faults import Fault, late, refused, reset, truncated
from local_aws.faults.proxy import FaultProxy
from local_aws.stack import Stack
from tests.docs.queries import check_same_rows
from tests.local_aws.clusters import BUCKET
from tests.written_publication import WrittenBucket, orchard
from verger_reader import PublicationError, open_publication

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROOT = f"s3://{BUCKET}/for readers"


@pytest.fixture
def environment(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in stack.environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def bucket(s3: S3Client, tmp_path: Path) -> Iterator[WrittenBucket]:
    written = orchard(tmp_path)
    keys = {f"for readers/{path.relative_to(tmp_path)}": path for path in tmp_path.rglob("*") if path.is_file()}
    for key, path in keys.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())
    yield written
    for key in keys:
        s3.delete_object(Bucket=BUCKET, Key=key)


@pytest.mark.usefixtures("environment")
def test_everything_is_read_from_s3(bucket: WrittenBucket) -> None:
    published = open_publication(ROOT)
    features = {row["path"]: row for row in published.features().to_pylist()}
    assert features.keys() == bucket.current.keys()
    for path, row in features.items():
        assert row["etag"] == bucket.current[path]["etag"]
        assert row["features"] == bucket.current[path]["features"].tolist()
    assert set(published.pca()["path"].to_pylist()) == bucket.current.keys()
    assert published.labels() == {"Poire à cuire": 4, "柿": 2}
    assert (published.basis().components == bucket.components).all()


@pytest.mark.usefixtures("environment")
def test_the_queries_of_the_documentation_read_from_s3(bucket: WrittenBucket) -> None:
    published = open_publication(ROOT)
    assert published.pca().num_rows == len(bucket.current)
    check_same_rows(published)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("fault", [late(4), truncated(at=100), reset(at=100), refused(503, "SlowDown")])
def test_a_fault_of_one_answer_changes_no_result(
    fault: Fault, bucket: WrittenBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultProxy(os.environ["AWS_ENDPOINT_URL_S3"]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        rule = proxy.inject(fault, operation="GetObject", skip=1, times=1)
        assert set(open_publication(ROOT).features()["path"].to_pylist()) == bucket.current.keys()
        assert rule.hits == 1


@pytest.mark.usefixtures("environment")
def test_missing_publication_and_missing_files_are_errors(s3: S3Client, bucket: WrittenBucket) -> None:
    for root in (f"s3://{BUCKET}/nothing", "s3://no-such-bucket"):
        with pytest.raises(PublicationError, match=f"{root}/published.json: does not exist: no such bucket or folder"):
            open_publication(root)
    published = open_publication(ROOT)
    for part in (0, 1):
        s3.delete_object(Bucket=BUCKET, Key=f"for readers/features/run=007/part-{part}.parquet")
    with pytest.raises(PublicationError, match="open the publication again"):
        published.features()
