from __future__ import annotations

from collections import Counter

import pytest

from chaos import catalogue, sequences


def test_at_least_sixty_faults_with_names_of_their_own() -> None:
    names = Counter(one.name for one in catalogue.SCENARIOS)
    assert len(names) >= 60
    assert [name for name, count in names.items() if count > 1] == []


def test_a_name_or_its_start_selects_scenarios() -> None:
    assert [one.name for one in catalogue.chosen("emr.RunJobFlow.lost")] == ["emr.RunJobFlow.lost"]
    assert {one.family for one in catalogue.chosen("kill.once,restart")} == {"kill", "restart"}


def test_an_unknown_name_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match=r"ONLY=kill\.twice: no such scenario"):
        catalogue.chosen("emr,kill.twice")


def test_a_seed_gives_the_same_faults_again_and_another_seed_other_ones() -> None:
    drawn = [[one.name for one in sequences.faults(seed)] for seed in range(200)]
    assert drawn == [[one.name for one in sequences.faults(seed)] for seed in range(200)]
    assert len({tuple(names) for names in drawn}) > 190
