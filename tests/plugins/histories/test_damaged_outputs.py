"""Output of a step that is damaged before its check: the check refuses it, and clearing the step repairs the run."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow
import pyarrow.parquet as pq
import pytest

import verger_reader
from tests.places import long_form
from tests.plugins.orchard import Orchard, Running
from tests.plugins.played_steps import featurize
from verger.attempts import refuse
from verger.publication.commit import MissingDataError
from verger.settings import Settings
from verger.validation.check import ValidationError
from verger_contract.keys import owner
from verger_contract.metrics import FILE_LIST, REFUSED, RUNNING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Damage = Callable[[Running, str], None]


@pytest.fixture
def orchard(settings: Settings, client: S3Client, tmp_path: Path) -> Orchard:
    return Orchard(settings, client, tmp_path)


def begun(orchard: Orchard) -> Running:
    """A run whose step 1 has ended."""
    for number in range(24):
        orchard.put(f"{('Kiwi', 'Fig', 'Pear')[number % 3]}/{number}.jpg", b"photo %d" % number)
    return orchard.begin("one").until("featurize")


def body(running: Running, key: str) -> bytes:
    content: bytes = running.run_context.client.get_object(Bucket=running.run_context.run.bucket, Key=key)[
        "Body"
    ].read()
    return content


def put(running: Running, key: str, content: bytes) -> None:
    running.run_context.client.put_object(Bucket=running.run_context.run.bucket, Key=key, Body=content)


def cut(running: Running, key: str) -> None:
    put(running, key, body(running, key)[:-100])


def cut_as_listed(running: Running, key: str) -> None:
    """Cut the file and its size in the file list: only reading shows the damage."""
    cut(running, key)
    change_list(running, key, bytes=len(body(running, key)), etag=None)


def cut_as_written(running: Running, key: str) -> None:
    """The step itself wrote a file that is no Parquet: its checksum is in the list."""
    cut(running, key)
    content = body(running, key)
    change_list(running, key, bytes=len(content), sha256=hashlib.sha256(content).hexdigest(), etag=None)


def removed(running: Running, key: str) -> None:
    running.run_context.client.delete_object(Bucket=running.run_context.run.bucket, Key=key)


def doubled(running: Running, key: str) -> None:
    put(running, key.replace("part-0", "part-1"), body(running, key))


def no_list(running: Running, key: str) -> None:
    removed(running, f"{key.rpartition('/')[0]}/{FILE_LIST}")


def malformed_list(running: Running, key: str) -> None:
    put(running, f"{key.rpartition('/')[0]}/{FILE_LIST}", b'{"files": 7}')


def not_a_number(running: Running, key: str) -> None:
    """Replace a value by NaN, in a file that the list describes."""
    table = pq.read_table(pyarrow.BufferReader(body(running, key))).to_pylist()
    table[0]["features"][7] = float("nan")
    buffer = io.BytesIO()
    pq.write_table(pyarrow.Table.from_pylist(table), buffer)
    put(running, key, buffer.getvalue())
    content = buffer.getvalue()
    change_list(running, key, bytes=len(content), sha256=hashlib.sha256(content).hexdigest(), etag=None)


def change_list(running: Running, key: str, **values: Any) -> None:
    at = f"{key.rpartition('/')[0]}/{FILE_LIST}"
    files = json.loads(body(running, at))["files"]
    put(running, at, json.dumps({"files": [{**file, **values} for file in files]}).encode())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, r"files of features/run=one/: .* part-0\.parquet: expected [\d,]+ bytes, found [\d,]+"),
        (cut_as_listed, r"files of features/run=one/: .* part-0\.parquet: expected the SHA-256 .*, found"),
        (cut_as_written, r"files of features/run=one/: .* part-0\.parquet: no Parquet, or damaged"),
        (removed, r"files of features/run=one/: .* part-0\.parquet: no such file"),
        (no_list, r"files of features/run=one/: expected a file list, .* _files\.json: no such file"),
        (malformed_list, r"files of features/run=one/: .* _files\.json: no file list"),
        (not_a_number, r"every number finite: .* found 1 other rows"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_check_refuses_damaged_features_and_clearing_the_step_repairs(
    orchard: Orchard, damage: Damage, message: str
) -> None:
    running = begun(orchard)
    run_context = running.run_context
    damage(running, f"{run_context.run.features}part-0.parquet")
    with pytest.raises(Exception, match=message) as caught:
        running.until("check_features")
    assert "Clear featurize and all that follows it" in str(caught.value)
    assert REFUSED in run_context.read_json(run_context.run.metrics("featurize"))
    assert running.plan is not None
    featurize(run_context, running.plan)  # as after clearing: the step does not adopt what was refused
    assert REFUSED not in run_context.read_json(run_context.run.metrics("featurize"))
    running.done.remove("verify_features")
    running.finish()
    assert orchard.json("published.json")["photos"] == 24


@pytest.mark.parametrize(
    ("until", "prefix"),
    [("featurize", "features/run=one/"), ("pca", "pca/run=one/"), ("check_projections", "pca/run=one/")],
)
def test_a_file_that_is_not_in_the_file_list_is_not_read(orchard: Orchard, until: str, prefix: str) -> None:
    running = begun(orchard).until(until)
    doubled(running, f"{prefix}part-0.parquet")
    running.finish()
    assert_whole(orchard, 24)
    checks = {row["name"]: row for rows in orchard.json("runs/one/validation.json").values() for row in rows}
    expected = "" if until == "check_projections" else "part-1.parquet: not in the file list, so it is not read"
    assert checks[f"files of {prefix}"]["detail"] == expected


@pytest.mark.parametrize("prefix", ["features/run=one/", long_form("rejects/run=one/"), long_form("pca/run=one/")])
def test_a_file_that_is_added_to_a_published_table_is_not_read(orchard: Orchard, prefix: str) -> None:
    running = begun(orchard)
    running.finish()
    doubled(running, f"{prefix}part-0.parquet")
    assert_whole(orchard, 24)
    assert not orchard.run("two").work, "no file is lost"
    orchard.put("Kiwi/new.jpg", b"new")
    orchard.run("three")
    assert_whole(orchard, 25)
    orchard.delete("Kiwi/new.jpg")
    orchard.run("four")
    assert_whole(orchard, 24)


def assert_whole(orchard: Orchard, photos: int) -> None:
    published = verger_reader.open_publication(f"s3://{orchard.bucket}")
    for table in (published.features(), published.pca()):
        assert len({*table["path"].to_pylist()}) == table.num_rows == published.photos == photos


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, "none"),
        (b"{", "no JSON"),
        (b"[]", "something else"),
        (json.dumps({RUNNING: {"attempt": "0a1b2c3d"}}).encode(), "that the newest attempt of the step has not"),
    ],
)
def test_metrics_that_are_missing_or_malformed(orchard: Orchard, content: bytes | None, found: str) -> None:
    running = begun(orchard)
    key = running.run_context.run.metrics("featurize")
    removed(running, key) if content is None else put(running, key, content)
    expected = rf"featurize\.json: expected the metrics .* writes when it has completed, found {found}"
    with pytest.raises(ValidationError, match=expected):
        running.until("check_features")
    refuse(running.run_context, "featurize", "of a test")
    if content is None:
        assert running.run_context.read_json(key) is None
    else:
        assert body(running, key) == content, "the claim of another attempt stays"


def test_the_tables_of_the_attempt_that_the_metrics_name_are_checked_and_published(orchard: Orchard) -> None:
    running = begun(orchard)
    run_context, plan = running.run_context, running.plan
    assert plan is not None
    late = replace(run_context, run=replace(run_context.run, featurize_attempt="1111aaaa"))
    featurize(late, plan)
    metrics = run_context.read_json(run_context.run.metrics("featurize"))
    cut(running, f"{run_context.run.features}part-0.parquet")  # of an attempt that the metrics do not name
    run_context.write_json(run_context.run.metrics("featurize"), {**metrics, "attempt": "1111aaaa"})
    running.until("check_features")
    written = run_context.read_json(run_context.run.plan)["features"]["new"]
    assert written == run_context.run.uri(late.run.features)
    running.finish()
    published = orchard.json("published.json")
    assert [features["run"] for features in published["features"]] == ["one~1111aaaa"]
    assert published["rejects"] == "one~1111aaaa"
    assert not orchard.listing("features/run=one/"), "vacuum deletes the folders of other attempts"
    assert owner(published["features"][0]["run"]) == "one"


def test_another_attempt_after_the_check_is_not_published(orchard: Orchard) -> None:
    running = begun(orchard).until("check_projections")
    run_context = running.run_context
    metrics = run_context.read_json(run_context.run.metrics("pca"))
    run_context.write_json(run_context.run.metrics("pca"), {**metrics, "attempt": "1111aaaa"})
    with pytest.raises(
        ValidationError, match="or another attempt of the step has completed since; nothing is published"
    ):
        running.until("publish")


@pytest.mark.parametrize(("name", "table"), [("check_features", "features"), ("check_projections", "pca")])
def test_a_table_whose_check_was_marked_as_success_is_not_published(orchard: Orchard, name: str, table: str) -> None:
    running = begun(orchard).until("check_projections")
    run_context = running.run_context
    checks = run_context.read_json(run_context.run.validation)
    others = {stage: [row for row in rows if f"{table}/" not in row["name"]] for stage, rows in checks.items()}
    run_context.write_json(run_context.run.validation, others)
    message = f"{table}/.*, found none: {name} was marked as success, or .*: clear {name} and all that follows it"
    with pytest.raises(ValidationError, match=message):
        running.until("publish")


@pytest.mark.parametrize("damage", [cut, removed])
def test_a_file_that_changes_between_check_and_publish(orchard: Orchard, damage: Damage) -> None:
    running = begun(orchard).until("check_projections")
    damage(running, f"{running.run_context.run.pca}part-0.parquet")
    with pytest.raises(MissingDataError, match=r"pca/run=one/: expected the 1 files of its file list, found part-"):
        running.until("publish")
