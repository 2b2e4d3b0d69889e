"""A run that rejects too many photos is recorded: the next one fails before it launches a cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.plugins.orchard import AUTO, Orchard
from verger.changes.params import PlanError
from verger.settings import Settings
from verger.validation.check import ValidationError
from verger_contract.keys import KNOWN_REJECTS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NAMES = [f"{label}/{number}.jpg" for label in ("Kiwi", "Fig") for number in range(6)]
BAD = NAMES[:4]


@pytest.fixture
def orchard(settings: Settings, client: S3Client, tmp_path: Path) -> Orchard:
    """Return a bucket in which a first run published ten photos and a second one failed because of four more."""
    made = Orchard(settings, client, tmp_path)
    for name in NAMES:
        made.put(f"old/{name}", f"old {name}".encode())
    made.run("first")
    for name in BAD:
        made.put(f"new/{name}", f"bad {name}".encode())
    with pytest.raises(ValidationError, match="share of rejects"):
        made.run("failed")
    return made


def test_the_next_run_with_the_same_photos_fails_in_its_plan(orchard: Orchard) -> None:
    with pytest.raises(PlanError) as error:
        orchard.begin("next").until("plan")
    assert str(error.value) == (
        "4 of the 16 photos cannot be read: an earlier run rejected the same files (not an image: 4; see "
        f"s3://{orchard.bucket}/runs/failed/manifest_delta.parquet); expected at most 5.0% rejects "
        "(VERGER_MAX_REJECTS_SHARE). No cluster was launched. Correct or delete the photos, trigger the DAG with "
        "accept_rejects to publish without them, or with retry_rejects to read them again"
    )
    assert orchard.json(KNOWN_REJECTS)["run"] == "failed"


def correct(orchard: Orchard) -> None:
    for name in BAD:
        orchard.put(f"new/{name}", f"good {name}".encode())


def delete(orchard: Orchard) -> None:
    for name in BAD[1:]:
        orchard.delete(f"new/{name}")
    for name in NAMES:
        orchard.put(f"more/{name}", f"more {name}".encode())


@pytest.mark.parametrize("mend", [correct, delete])
def test_a_run_with_other_photos_publishes(orchard: Orchard, mend: Callable[[Orchard], None]) -> None:
    mend(orchard)
    assert orchard.run("next").work


def test_accepted_rejects_are_published_and_do_not_count_again(orchard: Orchard) -> None:
    orchard.run("accepted", replace(AUTO, accept_rejects=True))
    assert orchard.json("published.json")["rejected"] == len(BAD)
    assert not orchard.run("nothing new").work


@pytest.mark.parametrize("params", [replace(AUTO, retry_rejects=True), AUTO])
def test_the_photos_are_read_again_on_request_or_with_another_artifact_set(orchard: Orchard, params: object) -> None:
    if params == AUTO:
        orchard.use_model("another")
    with pytest.raises(ValidationError, match="share of rejects"):
        orchard.run("next", replace(AUTO, retry_rejects=params != AUTO))


def test_photos_that_were_temporarily_unreadable_are_not_known(
    settings: Settings, client: S3Client, tmp_path: Path
) -> None:
    orchard = Orchard(settings, client, tmp_path)
    for name in NAMES:
        orchard.put(name, f"old {name}".encode())
    for name in BAD:
        orchard.put(f"new/{name}", b"bad: access denied")
    for run in ("one", "two"):
        with pytest.raises(ValidationError, match="share of rejects"):
            orchard.run(run)


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"run": 7}'])
def test_a_record_that_cannot_be_read_is_ignored(orchard: Orchard, client: S3Client, content: bytes) -> None:
    client.put_object(Bucket=orchard.bucket, Key=KNOWN_REJECTS, Body=content)
    with pytest.raises(ValidationError, match="share of rejects"):
        orchard.run("next")
