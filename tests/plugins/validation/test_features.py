"""Checks of step 1 that need only its metrics and counts."""

from __future__ import annotations

import pytest

from tests.plugins.plans import plan
from verger.validation.features import same_identity, share_of_rejects


@pytest.mark.parametrize(
    ("photos", "rejected", "most", "passed", "found"),
    [
        (120, 2, 0.05, True, "1.67% (2 of 120)"),
        (120, 2, 0.01, False, "1.67% (2 of 120)"),
        (100, 5, 0.05, True, "5.00% (5 of 100)"),
        (3, 3, 1.0, True, "100.00% (3 of 3)"),
        (0, 0, 0.0, True, "0.00% (0 of 0)"),
    ],
)
def test_the_share_of_rejects_is_that_of_all_current_photos(
    photos: int, rejected: int, most: float, passed: bool, found: str
) -> None:
    kinds = {"not an image": rejected // 3, "access denied": rejected - rejected // 3}
    check = share_of_rejects(photos, kinds, most)
    assert (check.passed, check.found, check.counted) == (passed, found, {"rejected": rejected})
    assert check.expected == f"at most {most:.1%}"


def test_a_share_of_rejects_that_is_too_large_has_the_kinds_the_most_frequent_first() -> None:
    check = share_of_rejects(2000, {"not an image": 2, "access denied": 1700, "empty file": 1}, 0.05)
    assert check.detail == "access denied: 1,700, not an image: 2, empty file: 1"
    assert share_of_rejects(2000, {"not an image": 2}, 0.05).detail == ""


@pytest.mark.parametrize(
    ("metrics", "passed", "found"),
    [
        ({"model_sha256": "ab" * 32, "preprocessing": "2-exact"}, True, "model abababababab, preprocessing 2-exact"),
        ({"model_sha256": "ab" * 32, "preprocessing": "2-scaled"}, False, "model abababababab, preprocessing 2-scaled"),
        ({"model_sha256": "cd" * 32, "preprocessing": "2-exact"}, False, "model cdcdcdcdcdcd, preprocessing 2-exact"),
        ({"model_sha256": "ab" * 32}, False, "model abababababab, preprocessing unknown"),
        ({}, False, "model unknown, preprocessing unknown"),
    ],
)
def test_step_1_computed_the_features_of_the_plan(metrics: dict[str, str], passed: bool, found: str) -> None:
    check = same_identity(plan(), metrics)
    assert (check.passed, check.found) == (passed, found)
    assert check.expected == "model abababababab, preprocessing 2-exact"
