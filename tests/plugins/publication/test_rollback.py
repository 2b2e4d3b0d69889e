"""Rollback to an earlier snapshot, and unpublishing."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import verger_reader
from tests.places import ROOT
from tests.plugins.orchard import AUTO, Orchard
from verger.publication.commit import CommitConflictError, MissingDataError, current
from verger.publication.rollback import RollbackError, rollback, unpublish
from verger.run_id import run_id
from verger.s3.errors import StorageError
from verger.settings import Settings
from verger_contract.keys import PUBLISHED, Run

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def orchard(settings: Settings, client: S3Client, tmp_path: Path) -> Orchard:
    """Run `one` publishes three photos; then one is added and one deleted, and run `two` publishes."""
    made = Orchard(settings, client, tmp_path)
    for number in range(3):
        made.put(f"Kiwi/{number}.jpg", b"%d" % number)
    made.run("one")
    made.put("Kiwi/3.jpg", b"3")
    made.delete("Kiwi/0.jpg")
    made.run("two")
    return made


def published(orchard: Orchard) -> tuple[str | None, list[str]]:
    found = verger_reader.open_publication(f"s3://{orchard.bucket}")
    assert sorted(found.features()["path"].to_pylist()) == sorted(found.pca()["path"].to_pylist())
    return found.run, sorted(path.split("/")[-1] for path in found.pca()["path"].to_pylist())


def test_a_rollback_only_writes_published_json(orchard: Orchard) -> None:
    assert published(orchard) == ("two", ["1.jpg", "2.jpg", "3.jpg"])
    before = set(orchard.listing())
    restored = rollback(orchard.client, orchard.bucket, "one", orchard.now)
    assert set(orchard.listing()) == before
    assert published(orchard) == ("one", ["0.jpg", "1.jpg", "2.jpg"])
    assert (restored.current.rolled_back_from, [old.run for old in restored.history]) == ("two", ["two"])
    # And back to the newer one.
    rollback(orchard.client, orchard.bucket, "two", orchard.now)
    assert published(orchard) == ("two", ["1.jpg", "2.jpg", "3.jpg"])


def test_the_run_after_a_rollback_compares_with_the_restored_snapshot(orchard: Orchard) -> None:
    rollback(orchard.client, orchard.bucket, "one", orchard.now)
    assert orchard.run("three").why == "1 new, 1 deleted"
    assert published(orchard) == ("three", ["1.jpg", "2.jpg", "3.jpg"])


def test_a_rollback_to_the_current_snapshot_changes_nothing(orchard: Orchard) -> None:
    etag = orchard.client.head_object(Bucket=orchard.bucket, Key=PUBLISHED)["ETag"]
    rollback(orchard.client, orchard.bucket, "two", orchard.now)
    assert orchard.client.head_object(Bucket=orchard.bucket, Key=PUBLISHED)["ETag"] == etag


def test_a_rollback_by_the_run_id_of_airflow(orchard: Orchard) -> None:
    dag_run = "manual__2026-11-24T02:00:00+00:00"
    orchard.put("Kiwi/5.jpg", b"5")
    orchard.run(run_id(dag_run))
    rollback(orchard.client, orchard.bucket, "one", orchard.now)
    rollback(orchard.client, orchard.bucket, dag_run, orchard.now)
    assert published(orchard)[0] == run_id(dag_run)


def test_a_run_that_started_before_a_rollback_gets_a_commit_conflict(orchard: Orchard) -> None:
    orchard.put("Kiwi/4.jpg", b"4")
    running = orchard.begin("three").until("check_projections")
    rollback(orchard.client, orchard.bucket, "one", orchard.now)
    with pytest.raises(CommitConflictError, match="found it replaced by run one"):
        running.finish()
    assert published(orchard)[0] == "one"


def test_a_rollback_to_an_unknown_run_lists_the_kept_ones(orchard: Orchard) -> None:
    with pytest.raises(
        RollbackError, match=r"^run zero: found no kept snapshot of this run, expected one of these runs: one$"
    ):
        rollback(orchard.client, orchard.bucket, "zero", orchard.now)


def test_a_rollback_to_missing_data_is_an_error(orchard: Orchard) -> None:
    prefix = Run(orchard.bucket, "one").pca
    for key in orchard.listing(prefix):
        orchard.client.delete_object(Bucket=orchard.bucket, Key=key)
    with pytest.raises(
        MissingDataError, match=rf"expected its data in s3://{orchard.bucket}/{prefix}, found nothing there"
    ):
        rollback(orchard.client, orchard.bucket, "one", orchard.now)
    assert published(orchard)[0] == "two"


def test_when_all_photos_are_deleted_runs_fail_until_they_are_unpublished(orchard: Orchard) -> None:
    for path in list(orchard.photos):
        orchard.delete(path.removeprefix("images/"))
    with pytest.raises(
        StorageError,
        match=r"expected photos .* 3 photos are published: if all were deleted on purpose, run .* unpublish`",
    ):
        orchard.run("three")
    assert published(orchard)[0] == "two"
    unpublish(orchard.client, orchard.bucket, orchard.now)
    assert published(orchard) == (None, [])
    assert not orchard.run("four").work
    # All data expires, although no run publishes any more.
    orchard.pass_days(31)
    orchard.run("five")
    assert not [key for key in orchard.listing() if not key.endswith(".json")]


def test_after_unpublishing_a_rollback_and_new_photos_are_possible(orchard: Orchard) -> None:
    unpublish(orchard.client, orchard.bucket, orchard.now)
    unpublish(orchard.client, orchard.bucket, orchard.now)
    rollback(orchard.client, orchard.bucket, "two", orchard.now)
    assert published(orchard)[0] == "two"
    unpublish(orchard.client, orchard.bucket, orchard.now)
    assert orchard.run("three").why == "3 new"
    assert published(orchard) == ("three", ["1.jpg", "2.jpg", "3.jpg"])


def test_a_single_photo_can_be_published_with_the_published_basis(orchard: Orchard) -> None:
    for name in ("1.jpg", "2.jpg"):
        orchard.delete(f"Kiwi/{name}")
    params = dataclasses.replace(AUTO, accept_deletions=True)
    with pytest.raises(RuntimeError, match="at least two photos"):
        orchard.run("three", params)
    orchard.run("four", dataclasses.replace(params, basis="reuse"))
    assert published(orchard) == ("four", ["3.jpg"])


def command(bucket: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "verger.publication", *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT / "plugins"), "VERGER_BUCKET": bucket},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_commands_list_roll_back_and_unpublish(orchard: Orchard) -> None:
    listed = command(orchard.bucket)
    assert listed.returncode == 0, listed.stderr
    rows = [line.split() for line in listed.stdout.splitlines()]
    assert [(row[0], row[-1]) for row in rows[1:]] == [("current", "two"), (rows[2][0], "one")]
    done = command(orchard.bucket, "rollback", "one")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].endswith("one (rolled back from two)")
    now = current(orchard.client, orchard.bucket)
    assert now is not None
    assert now.publication.current.run == "one"
    failed = command(orchard.bucket, "rollback", "zero")
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1].startswith(
        "verger: error: run zero: found no kept snapshot of this run, expected one of these runs: two"
    )
    emptied = command(orchard.bucket, "unpublish")
    assert emptied.returncode == 0, emptied.stderr
    assert published(orchard) == (None, [])
