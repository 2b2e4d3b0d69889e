"""Planted photos are found, for the right reason, and no others are."""

from __future__ import annotations

import numpy as np
import pytest

from tests.spark_jobs.suspects.drawn import WIDTH, centre, photos, with_photo
from verger_contract.schemas import SuspectKind
from verger_verify.suspects.found import Suspect, Suspects
from verger_verify.suspects.judge import Judge, Photos
from verger_verify.suspects.reference import Reference

COUNTS = {"Banana": 40, "Kiwi": 40, "Plum": 40}
WRONG = "Kiwi/wrong banana.jpg"


def judged(compared: Photos, *, new: Photos | None = None) -> Suspects:
    """Return the suspects among the new photos (by default: among all), which are in the reference too."""
    reference = Reference.of(compared.paths, compared.labels, compared.coordinates, new=new is None)
    if new:
        reference = reference.plus(Reference.of(new.paths, new.labels, new.coordinates, new=True))
    return Judge(reference).suspects(new or compared)


def only(found: Suspects) -> Suspect:
    """Return the single suspect."""
    (suspect,) = found.rows
    return suspect


def one(path: str, point: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Photos:
    """Return a single photo."""
    return with_photo(photos({}), path, point)


@pytest.mark.parametrize("at_once", [True, False])
def test_a_banana_among_the_kiwis_is_named(at_once: bool) -> None:
    everything, banana = photos(COUNTS), centre("Banana")
    found = judged(with_photo(everything, WRONG, banana)) if at_once else judged(everything, new=one(WRONG, banana))
    suspect = only(found)
    assert (suspect.path, suspect.label, suspect.kind) == (WRONG, "Kiwi", SuspectKind.LABEL_DISAGREES)
    assert suspect.score == 1
    assert set(suspect.neighbour_labels) == {"Banana"}
    assert list(suspect.distances) == sorted(suspect.distances)


def test_a_photo_like_no_label_is_an_outlier_of_its_own() -> None:
    kiwis = photos({"Kiwi": 40})
    suspect = only(judged(with_photo(kiwis, "Kiwi/hand.jpg", centre("Kiwi") + 20)))
    assert (suspect.path, suspect.kind) == ("Kiwi/hand.jpg", SuspectKind.OUTLIER)
    assert suspect.score > 5
    assert suspect.neighbours


def test_clean_photos_have_no_suspects() -> None:
    found = judged(photos(COUNTS))
    assert (found.rows, found.photos) == ([], 120)


@pytest.mark.parametrize("label", ["Plum", "Kiwi"])
def test_a_copy_is_a_near_duplicate_of_the_older_photo(label: str) -> None:
    everything = photos(COUNTS)
    copy = one(f"{label}/0 copy.jpg", everything.coordinates[85].astype(np.float64))
    found = {row.kind: row for row in judged(everything, new=copy).rows}
    duplicate = found[SuspectKind.NEAR_DUPLICATE]
    assert (duplicate.path, duplicate.neighbours) == (f"{label}/0 copy.jpg", ("Plum/0005.jpg",))
    assert (duplicate.score, duplicate.distances) == (1.0, (0.0,))
    assert (SuspectKind.LABEL_DISAGREES in found) == (label == "Kiwi")


def test_two_new_copies_are_named_once() -> None:
    everything = photos(COUNTS)
    suspect = only(judged(with_photo(everything, "Plum/0005 copy.jpg", everything.coordinates[85])))
    assert (suspect.path, suspect.neighbours) == ("Plum/0005.jpg", ("Plum/0005 copy.jpg",))


def test_a_photo_beside_another_one_is_no_near_duplicate() -> None:
    everything = photos(COUNTS)
    beside = everything.coordinates[85].astype(np.float64) + 2 / np.sqrt(WIDTH)
    assert judged(everything, new=one("Plum/beside.jpg", beside)).rows == []


def test_labels_far_from_each_other_do_not_make_all_photos_of_a_label_near_duplicates() -> None:
    clouds = photos(COUNTS)
    middles = np.array([centre(label) for label in clouds.labels], np.float32)
    tight = Photos(clouds.paths, clouds.labels, (0.9 * middles + 0.1 * clouds.coordinates).astype(np.float32))
    assert judged(tight).rows == []


def test_the_first_photos_of_a_new_label_are_no_suspects() -> None:
    assert judged(photos(COUNTS), new=photos({"Quince": 30}, seed=3)).rows == []
    assert judged(photos(COUNTS), new=photos({"Quince": 1}, seed=3)).rows == []


def test_photos_of_equal_coordinates_do_not_fail() -> None:
    equal = Photos([f"a/{row}" for row in range(20)], ["a"] * 20, np.ones((20, 3), np.float32))
    assert {row.kind for row in judged(equal).rows} == {SuspectKind.NEAR_DUPLICATE}


def test_no_photos_and_no_reference_have_no_suspects() -> None:
    assert Judge(Reference.empty()).suspects(photos({"Kiwi": 3})).rows == []
    assert judged(photos(COUNTS), new=None).rows == []
    everything = photos(COUNTS)
    reference = Reference.of(everything.paths, everything.labels, everything.coordinates)
    assert Judge(reference).suspects(photos({})).rows == []


def test_exchanged_labels_are_found_and_few_others() -> None:
    everything = photos({f"label {number}": 30 for number in range(20)})
    rng = np.random.default_rng(7)
    moved = {int(row): everything.labels[int(row) - 40] for row in rng.choice(np.arange(40, 600), 20, replace=False)}
    labels = [moved.get(row, label) for row, label in enumerate(everything.labels)]
    found = judged(Photos(everything.paths, labels, everything.coordinates))
    named = {row.path for row in found.rows if row.kind is SuspectKind.LABEL_DISAGREES}
    assert named == {everything.paths[row] for row in moved}
