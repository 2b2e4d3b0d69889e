"""The votes of the neighbours."""

from __future__ import annotations

import numpy as np

from verger_verify.suspects.labels import FEWEST_OTHERS, LEAST_SHARE, NEIGHBOURS, disagreement

OWN, OTHER, NO_NEIGHBOUR = 0, 1, -1


def share(neighbours: list[int], others: int = 50) -> float:
    """Return the disagreement of one photo of the label ``OWN``."""
    padded = neighbours + [NO_NEIGHBOUR] * (NEIGHBOURS - len(neighbours))
    return float(disagreement(np.array([OWN]), np.array([padded]), np.array([others]))[0])


def test_the_share_is_that_of_other_labels() -> None:
    assert share([OWN] * NEIGHBOURS) == 0
    assert share([OTHER] * NEIGHBOURS) == 1


def test_the_nearest_neighbour_has_the_most_votes() -> None:
    assert share([OTHER] + [OWN] * 9) == 10 / 55
    assert share([OWN] * 9 + [OTHER]) == 1 / 55


def test_a_copy_under_another_label_does_not_make_the_right_photo_a_suspect() -> None:
    assert share([OTHER] + [OWN] * 9) < LEAST_SHARE


def test_a_small_label_is_judged_by_as_many_neighbours_as_it_has_photos() -> None:
    assert share([OWN] * 4 + [OTHER] * 6, others=4) == 0
    assert share([OTHER] * 10, others=4) == 1


def test_a_label_of_too_few_photos_is_not_judged() -> None:
    assert share([OTHER] * 10, others=FEWEST_OTHERS - 1) == 0


def test_missing_neighbours_have_no_votes() -> None:
    assert share([OWN, OTHER], others=50) == 9 / 19
    assert share([], others=50) == 0
