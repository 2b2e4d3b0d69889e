"""Files of published tables that are lost or damaged later: the next run repairs them by itself."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy
import pyarrow
import pyarrow.parquet as pq
import pytest

import verger_reader
from tests.places import long_form
from tests.plugins.orchard import Orchard, Running
from verger.changes.params import PlanError, RunParams
from verger.changes.rewrites.coordinates import LOST_BASIS
from verger.s3.errors import UnavailableError
from verger.settings import Settings
from verger.tables.parquet import TableError
from verger_contract.metrics import FILE_LIST, ListedFile, list_document

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PARTS = 3


@pytest.fixture
def orchard(settings: Settings, client: S3Client, tmp_path: Path) -> Orchard:
    return Orchard(settings, client, tmp_path)


def split(running: Running) -> None:
    """Divide the features that step 1 wrote into three files, as several Spark tasks write them."""
    run_context = running.run_context
    prefix = run_context.run.features
    content = run_context.client.get_object(Bucket=run_context.run.bucket, Key=f"{prefix}part-0.parquet")["Body"].read()
    table, files = pq.read_table(pyarrow.BufferReader(content)), []
    for part in range(PARTS):
        buffer = io.BytesIO()
        rows = table.take([*range(part, len(table), PARTS)])
        pq.write_table(rows, buffer)
        body, name = buffer.getvalue(), f"part-{part}.parquet"
        answer = run_context.client.put_object(Bucket=run_context.run.bucket, Key=f"{prefix}{name}", Body=body)
        sha256 = hashlib.sha256(body).hexdigest()
        files.append(ListedFile(name, len(rows), len(body), sha256, answer["ETag"].strip('"')))
    run_context.write_json(f"{prefix}{FILE_LIST}", list_document(files))


def published(orchard: Orchard) -> None:
    """Publish a run with three files of features, and a second one that changes and deletes photos of the first."""
    for number in range(30):
        orchard.put(f"{('Kiwi', 'Fig', 'Pear')[number % 3]}/{number}.jpg", b"photo %d" % number)
    orchard.put("Kiwi/bad.jpg", b"bad")
    running = orchard.begin("one").until("featurize")
    split(running)
    running.finish()
    orchard.put("Kiwi/0.jpg", b"changed")
    orchard.delete("Fig/1.jpg")
    orchard.run("two")


def remove(orchard: Orchard, key: str) -> None:
    orchard.client.delete_object(Bucket=orchard.bucket, Key=key)


def cut(orchard: Orchard, key: str) -> None:
    body = orchard.client.get_object(Bucket=orchard.bucket, Key=key)["Body"].read()
    orchard.client.put_object(Bucket=orchard.bucket, Key=key, Body=body[:-9])


def alter(orchard: Orchard, key: str) -> None:
    body = orchard.client.get_object(Bucket=orchard.bucket, Key=key)["Body"].read()
    orchard.client.put_object(Bucket=orchard.bucket, Key=key, Body=body[:-9] + bytes(9))


@pytest.mark.parametrize("damage", [remove, alter, long_form(cut)])
def test_the_next_run_featurizes_the_photos_of_a_lost_file(
    orchard: Orchard, damage: Callable[[Orchard, str], None]
) -> None:
    published(orchard)
    key = "features/run=one/part-1.parquet"
    damage(orchard, key)
    plan = orchard.begin("three").until("plan").plan
    assert plan is not None
    assert f"lost or damaged files: {key}" in plan.why
    assert 8 <= plan.photos["lost"] <= 10, "photos of one file of three"
    assert plan.photos["unchanged"] == 30 - plan.photos["lost"], "29 photos with features, and a reject"
    orchard.run("four")
    assert_whole(orchard)
    assert not orchard.run("five").work


@pytest.mark.parametrize(
    "file_list",
    [
        None,
        b'{"files": [{"name": "part-0.parquet"}]}',
        long_form(b""),
        long_form(b"[]"),
        long_form(b'{"files": 7}'),
    ],
)
def test_a_feature_run_of_which_nothing_is_left(orchard: Orchard, file_list: bytes | None) -> None:
    """Nothing proves which files a table had when its file list is damaged, so the table is lost as a whole."""
    published(orchard)
    if file_list is None:
        for key in orchard.listing("features/run=one/"):
            remove(orchard, key)
    else:
        orchard.client.put_object(Bucket=orchard.bucket, Key=f"features/run=one/{FILE_LIST}", Body=file_list)
    plan = orchard.run("three")
    assert (plan.photos["lost"], plan.photos["unchanged"]) == (28, 2)
    assert "lost or damaged files: features/run=one/" in plan.why
    assert_whole(orchard)


def test_lost_projections_are_computed_again(orchard: Orchard) -> None:
    published(orchard)
    remove(orchard, "pca/run=two/part-0.parquet")
    plan = orchard.run("three")
    assert (plan.why, plan.photos["lost"]) == ("lost or damaged files: pca/run=two/part-0.parquet", 0)
    assert_whole(orchard)


def test_projections_with_a_damaged_file_list_are_computed_again(orchard: Orchard) -> None:
    published(orchard)
    orchard.client.put_object(Bucket=orchard.bucket, Key=f"pca/run=two/{FILE_LIST}", Body=b"{")
    plan = orchard.run("three")
    assert (plan.why, plan.photos["lost"]) == ("lost or damaged files: pca/run=two/", 0)
    assert_whole(orchard)


@pytest.mark.parametrize(
    ("table", "damage"),
    [
        ("one/manifest", remove),
        ("two/manifest_delta", cut),
        ("two/deletes", remove),
        long_form("one/manifest", cut),
        long_form("two/manifest_delta", remove),
        long_form("two/deletes", cut),
    ],
)
def test_without_a_table_of_the_published_run_only_a_full_refresh_runs(
    orchard: Orchard, table: str, damage: Callable[[Orchard, str], None]
) -> None:
    """The manifest is that of the first run, with the delta of the second."""
    published(orchard)
    damage(orchard, f"runs/{table}.parquet")
    with pytest.raises(TableError, match=rf"runs/{table}\.parquet.* start a run with the parameter full_refresh"):
        orchard.run("three")
    orchard.run("four", RunParams(basis="auto", target_variance=0.9, full_refresh=True))
    assert_whole(orchard)
    assert not orchard.run("five").work


def test_damaged_records_of_earlier_runs_stop_no_run(orchard: Orchard) -> None:
    """They are read for estimates, or by people."""
    published(orchard)
    for key in orchard.listing("runs/"):
        if key.endswith(".json"):
            cut(orchard, key)
    orchard.put("Kiwi/new.jpg", b"new")
    orchard.run("three")
    assert_whole(orchard)


def test_a_copy_of_the_bucket_may_have_other_etags(orchard: Orchard) -> None:
    published(orchard)
    for key in orchard.listing("features/run=one/"):
        content = orchard.client.get_object(Bucket=orchard.bucket, Key=key)["Body"].read()
        before = orchard.client.head_object(Bucket=orchard.bucket, Key=key)["ETag"]
        in_parts(orchard, key, content)
        assert orchard.client.head_object(Bucket=orchard.bucket, Key=key)["ETag"] != before
    assert not orchard.run("three").work
    orchard.put("Kiwi/new.jpg", b"new")
    orchard.run("four")
    assert_whole(orchard)


@pytest.mark.parametrize("name", ["part-0.parquet", FILE_LIST])
@pytest.mark.parametrize("table", ["features", long_form("pca")])
def test_the_reader_refuses_what_was_altered_since_its_verification(orchard: Orchard, table: str, name: str) -> None:
    published(orchard)
    key = f"{table}/run=one/{name}"
    content = bytearray(orchard.client.get_object(Bucket=orchard.bucket, Key=key)["Body"].read())
    content[-1] ^= 1 if name == FILE_LIST else 0
    content[100] ^= 0 if name == FILE_LIST else 1
    orchard.client.put_object(Bucket=orchard.bucket, Key=key, Body=bytes(content))
    reader = verger_reader.open_publication(f"s3://{orchard.bucket}")
    with pytest.raises(verger_reader.PublicationError, match=rf"{name}: altered since it was verified: "):
        getattr(reader, table)()
    orchard.run("three")
    assert_whole(orchard)


def in_parts(orchard: Orchard, key: str, content: bytes) -> None:
    """Upload an object in parts, as a copy of a bucket may. Its ETag is no MD5 then."""
    s3, bucket = orchard.client, orchard.bucket
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    etag = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=content)["ETag"]
    s3.complete_multipart_upload(
        Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]}
    )


def assert_whole(orchard: Orchard) -> None:
    """Check that the published data are what a full refresh would publish."""
    found = verger_reader.open_publication(f"s3://{orchard.bucket}")
    expected = {*orchard.readable()}
    assert {*found.features()["path"].to_pylist()} == {*found.pca()["path"].to_pylist()} == expected
    assert found.photos == len(expected)


def replaced(content: bytes) -> Callable[[Orchard, str], None]:
    """A damage: other content of an object."""

    def replace(orchard: Orchard, key: str) -> None:
        orchard.client.put_object(Bucket=orchard.bucket, Key=key, Body=content)

    return replace


def of_another_publication(orchard: Orchard, key: str) -> None:
    """Replace statistics by those of another publication: they have the right form."""
    other = next(other for other in orchard.listing("runs/one/statistics") if other.endswith(key.rpartition("/")[2]))
    orchard.client.copy_object(Bucket=orchard.bucket, Key=key, CopySource={"Bucket": orchard.bucket, "Key": other})


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("moments.bin", remove),
        long_form("labels.parquet", remove),
        long_form("moments.bin", cut),
        ("labels.parquet", replaced(b"")),
        ("moments.bin", of_another_publication),
    ],
)
def test_without_statistics_the_next_run_makes_a_full_pass(
    orchard: Orchard, name: str, damage: Callable[[Orchard, str], None]
) -> None:
    published(orchard)
    (key,) = [key for key in orchard.listing("runs/two/statistics") if key.endswith(name)]
    damage(orchard, key)
    assert not orchard.run("idle").work, "only `labels` of the readers needs the statistics"
    orchard.put("Kiwi/new.jpg", b"new")
    orchard.run("three")
    assert_whole(orchard)
    current = orchard.json("published.json")
    assert (current["since_full_pass"], [table["run"] for table in current["pca"]]) == (0, ["three"])
    orchard.put("Kiwi/newer.jpg", b"newer")
    assert orchard.run("four").coordinates.statistics == "three"
    assert_whole(orchard)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("data/part-0.parquet", remove),
        long_form("data/part-0.parquet", cut),
        long_form("spectrum.json", remove),
        ("spectrum.json", replaced(b"{}")),
    ],
)
def test_a_lost_or_damaged_basis_is_fitted_again(
    orchard: Orchard, name: str, damage: Callable[[Orchard, str], None]
) -> None:
    published(orchard)
    damage(orchard, f"models/pca/run=one/{name}")
    with pytest.raises(PlanError, match="the published basis is lost or damaged; start the run with basis=auto"):
        orchard.run("reusing", RunParams(basis="reuse", target_variance=0.9))
    plan = orchard.run("three")
    assert (plan.basis, plan.basis_reason, plan.why) == (None, LOST_BASIS, LOST_BASIS)
    assert_whole(orchard)
    found = verger_reader.open_publication(f"s3://{orchard.bucket}")
    assert found.facts["basis"] == "three"
    features, pca = found.features().sort_by("path"), found.pca().sort_by("path")
    expected = found.basis().project(verger_reader.matrix(features["features"]))
    assert numpy.allclose(verger_reader.matrix(pca["pca_features"]), expected)
    assert not orchard.run("four").work


def test_an_error_of_s3_is_no_lost_basis(orchard: Orchard, monkeypatch: pytest.MonkeyPatch) -> None:
    published(orchard)

    def refused(*_: object, **__: object) -> None:
        raise UnavailableError("S3 does not answer")

    monkeypatch.setattr("verger.publication.intact.bodies.content", refused)
    with pytest.raises(UnavailableError):
        orchard.run("three")
