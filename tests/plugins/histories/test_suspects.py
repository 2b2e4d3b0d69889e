"""Suspects are carried from run to run, until their photo or its copy is deleted."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.plugins.orchard import AUTO, Orchard
from verger.publication.commit import current
from verger.report.suspects import table
from verger.report.suspects.table import Suspects
from verger.settings import Settings
from verger_contract.keys import REFERENCE_FILE, Run
from verger_contract.schemas import SuspectKind

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEPT = dataclasses.replace(AUTO, basis="reuse", accept_rejects=True)


@pytest.fixture
def orchard(settings: Settings, client: S3Client, tmp_path: Path) -> Orchard:
    made = Orchard(settings, client, tmp_path)
    for label in ("Fig", "Kiwi"):
        for number in range(6):
            made.put(f"{label}/{number}.jpg", f"{label} {number}".encode())
    return made


def published(orchard: Orchard) -> tuple[Suspects, set[str]]:
    """Return the suspects of the publication, and the paths of its reference."""
    found = current(orchard.client, orchard.bucket)
    assert found is not None
    snapshot = found.publication.current
    run = Run(orchard.bucket, str(snapshot.run), pca_attempt=snapshot.pca_attempt)
    suspects = table.read(orchard.store.read, run)
    assert suspects is not None
    return suspects, set(orchard.store.column(f"{run.suspects}{REFERENCE_FILE}", "path"))


def pairs(orchard: Orchard) -> list[tuple[str, tuple[str, ...], str]]:
    """Return path, copies and run of each near duplicate. The reference must hold exactly the readable photos."""
    suspects, reference = published(orchard)
    assert reference == orchard.readable().keys()
    return [(row.path, row.neighbours, row.run) for row in suspects.rows if row.kind == SuspectKind.NEAR_DUPLICATE]


def test_a_copy_is_a_suspect_until_it_or_its_original_is_deleted(orchard: Orchard) -> None:
    orchard.put("Kiwi/bad.jpg", b"bad: not an image")
    orchard.run("one", dataclasses.replace(KEPT, basis="auto"))
    assert pairs(orchard) == []
    orchard.put("Fig/copy of kiwi.jpg", b"Kiwi 3")
    orchard.put("Kiwi/copy.jpg", b"Kiwi 4")
    orchard.run("two", KEPT)
    assert published(orchard)[0].compared == 2
    across = ("images/Fig/copy of kiwi.jpg", ("images/Kiwi/3.jpg",), "two")
    assert pairs(orchard) == [across, ("images/Kiwi/copy.jpg", ("images/Kiwi/4.jpg",), "two")]
    orchard.put("Fig/new.jpg", b"new")
    orchard.delete("Kiwi/copy.jpg")
    orchard.run("three", KEPT)
    assert pairs(orchard) == [across]
    orchard.delete("Kiwi/bad.jpg")
    assert orchard.run("without-cluster", KEPT).without_cluster
    assert pairs(orchard) == [across]
    orchard.put("Fig/3.jpg", b"another photo")
    orchard.delete("Kiwi/3.jpg")
    orchard.run("four", KEPT)
    assert pairs(orchard) == []


def test_new_components_compare_all_photos_again(orchard: Orchard) -> None:
    orchard.run("one")
    orchard.put("Fig/copy of kiwi.jpg", b"Kiwi 3")
    orchard.run("two", dataclasses.replace(AUTO, basis="refit"))
    assert published(orchard)[0].compared == 13
    assert pairs(orchard) == [("images/Kiwi/3.jpg", ("images/Fig/copy of kiwi.jpg",), "two")]
