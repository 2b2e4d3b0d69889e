"""The table of suspects: bounded, merged, and carried from run to run."""

from __future__ import annotations

import dataclasses

from verger_contract.schemas import MOST_SUSPECTS, SUSPECTS
from verger_contract.schemas import SuspectKind as Kind
from verger_verify.suspects.found import Suspect, Suspects

WRONG = Suspect("Kiwi/wrong banana.jpg", "Kiwi", Kind.LABEL_DISAGREES, 1.0, ("Banana/1.jpg",), ("Banana",), (2.5,))
FAR = Suspect("Kiwi/hand.jpg", "Kiwi", Kind.OUTLIER, 4.0, ("Kiwi/1.jpg", "Kiwi/2.jpg"), ("Kiwi", "Kiwi"), (9.0, 9.5))
COPY = Suspect("Kiwi/1 copy.jpg", "Kiwi", Kind.NEAR_DUPLICATE, 1.0, ("Kiwi/1.jpg",), ("Kiwi",), (0.0,))
ACROSS = dataclasses.replace(COPY, path="Plum/1.jpg", label="Plum", score=0.96)


def test_the_table_has_the_columns_of_the_contract_and_gives_the_suspects_back() -> None:
    table = Suspects([COPY, WRONG, FAR]).table()
    assert table.schema.equals(SUSPECTS.arrow)
    assert table["kind"].to_pylist() == [kind.value for kind in Kind]
    assert Suspects.of(table).rows == [WRONG, FAR, COPY]


def test_near_duplicates_across_labels_come_first() -> None:
    assert Suspects([COPY, ACROSS]).table()["path"].to_pylist() == ["Plum/1.jpg", "Kiwi/1 copy.jpg"]


def test_the_most_suspicious_of_each_kind_are_kept() -> None:
    many = [dataclasses.replace(WRONG, path=f"Kiwi/{row}.jpg", score=row / 10_000) for row in range(1500)]
    kept = Suspects(many[:700]).plus(Suspects([*many[700:], FAR]))
    assert len(kept.rows) == MOST_SUSPECTS + 1
    assert min(row.score for row in kept.rows if row.kind is Kind.LABEL_DISAGREES) == 500 / 10_000


def test_a_newer_result_replaces_an_older_one_of_the_same_photo() -> None:
    newer = dataclasses.replace(WRONG, score=0.8)
    assert Suspects([WRONG]).plus(Suspects([newer])).rows == [newer]


def test_removed_photos_are_neither_suspects_nor_neighbours() -> None:
    left = Suspects([WRONG, FAR, COPY], photos=3).without({"Kiwi/1.jpg", "Kiwi/wrong banana.jpg"})
    assert [(row.path, row.neighbours, row.distances) for row in left.rows] == [
        ("Kiwi/hand.jpg", ("Kiwi/2.jpg",), (9.5,))
    ]


def test_no_suspects_are_a_table_without_rows() -> None:
    assert Suspects.of(Suspects().table()).rows == []
