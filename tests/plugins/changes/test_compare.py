"""The change of a photo: every case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow
import pytest

from verger.changes.compare import CHANGES, Listed, PhotoChange, Published, Tally, compare, photo_changes
from verger.tables.sorted_batches import no_rows, of_rows
from verger_contract.reasons import RETRIED, RETRIED_WITH_OTHER_WORK, RejectKind
from verger_contract.schemas import INVENTORY, MANIFEST, Table
from verger_photo.limits.sizes import MAX_BYTES

PATH = "images/Kiwi/1.jpg"
NOW, BEFORE = Listed(PATH, "e1", 5), Published(PATH, "e1", "run-1", None, None)
MULTIPART = "07f03acbd8aa1df5403da280042b23d8-2"


def rejected(kind: RejectKind, etag: str = "e1") -> Published:
    # A table holds the kind as plain text.
    return Published(PATH, etag, None, kind.value, f"{kind.value} (some detail)")


@pytest.mark.parametrize(
    ("listed", "published", "retry_all_rejects", "expected"),
    [
        (NOW, None, False, PhotoChange.NEW),
        (None, BEFORE, False, PhotoChange.DELETED),
        (None, rejected(RejectKind.NOT_AN_IMAGE), True, PhotoChange.DELETED),
        (NOW, BEFORE, False, PhotoChange.UNCHANGED),
        (NOW, BEFORE, True, PhotoChange.UNCHANGED),
        (Listed(PATH, "e2", 5), BEFORE, False, PhotoChange.CHANGED),
        # The size has no influence: with the same ETag, the content is the same.
        (Listed(PATH, "e1", 6), BEFORE, False, PhotoChange.UNCHANGED),
        # ETags are opaque, also those of multipart uploads.
        (Listed(PATH, MULTIPART, 5), Published(PATH, MULTIPART, "run-1", None, None), False, PhotoChange.UNCHANGED),
        (Listed(PATH, MULTIPART, 5), BEFORE, False, PhotoChange.CHANGED),
        (
            Listed(PATH, MULTIPART[:-1] + "3", 5),
            Published(PATH, MULTIPART, "run-1", None, None),
            False,
            PhotoChange.CHANGED,
        ),
        (NOW, rejected(RejectKind.NOT_AN_IMAGE), False, PhotoChange.UNCHANGED),
        (NOW, rejected(RejectKind.NOT_AN_IMAGE), True, PhotoChange.OPPORTUNISTIC_RETRY),
        (NOW, rejected(RejectKind.NOT_AN_IMAGE, "e0"), False, PhotoChange.CHANGED),
        *((NOW, rejected(kind), again, PhotoChange.RETRY) for kind in sorted(RETRIED) for again in (True, False)),
        *((NOW, rejected(kind), False, PhotoChange.OPPORTUNISTIC_RETRY) for kind in sorted(RETRIED_WITH_OTHER_WORK)),
    ],
)
def test_change_of_a_photo(
    listed: Listed | None, published: Published | None, retry_all_rejects: bool, expected: PhotoChange
) -> None:
    found = photo_changes(batch([listed], INVENTORY), batch([published], MANIFEST), retry_all_rejects)
    changes = [CHANGES[number] for number in found.changes] + [PhotoChange.DELETED] * len(found.deleted)
    assert changes == [expected]


def batch(rows: Sequence[tuple[Any, ...] | None], table: Table) -> pyarrow.RecordBatch:
    return next(of_rows((row for row in rows if row), table), no_rows(table))


def test_the_tally_counts_photos_and_current_rows() -> None:
    inventory = [("a", "1", 1), ("b", "2", 1), ("d", "1", 1), ("e", "1", 1)]
    manifest = [
        ("a", "1", "old", None, None),
        ("b", "1", "old", None, None),
        ("c", "1", "old", None, None),
        ("d", "1", None, "not an image", "not an image"),
        ("e", "1", "new", None, None),
    ]
    tally = Tally()
    for compared in compare([batch(inventory, INVENTORY)], [batch(manifest, MANIFEST)]):
        tally.count(compared)
    assert tally.photos == {PhotoChange.UNCHANGED: 3, PhotoChange.CHANGED: 1, PhotoChange.DELETED: 1}
    assert tally.current_rows == {"old": 1, "new": 1}
    assert (tally.listed, tally.published) == (4, 5)


def test_a_file_that_is_too_large_to_download_adds_no_bytes_to_the_plan_of_the_cluster() -> None:
    tally = Tally()
    inventory = [("a", "1", MAX_BYTES), ("b", "1", MAX_BYTES + 1), ("c", "1", 10**13)]
    for compared in compare([batch(inventory, INVENTORY)], []):
        tally.count(compared)
    assert (tally.photos[PhotoChange.NEW], tally.bytes[PhotoChange.NEW]) == (3, MAX_BYTES)
