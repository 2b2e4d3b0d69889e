"""A bucket's own runs decide how fast step 1 is expected to be."""

from __future__ import annotations

import pytest

from verger.cluster_plan.history import of_files
from verger.cluster_plan.pace import AS_BENCHMARKS, EarlierRun, Pace, core_seconds
from verger_contract.preprocessing import Decoding


def run(times: float, photos: int = 10_000_000, cores: float = 4.0) -> EarlierRun:
    """Return a run whose step 1 took `times` as long as the benchmarks say."""
    work = core_seconds(photos, photos * 5000, Decoding.EXACT)
    return EarlierRun(photos=photos, bytes=photos * 5000, seconds=5 + times * work / cores, cores=cores)


def test_without_earlier_runs_the_benchmarks_count() -> None:
    assert Pace.of([], Decoding.EXACT) == AS_BENCHMARKS == Pace(1.0, 0)


def test_the_median_of_the_last_five_runs_counts() -> None:
    found = Pace.of([run(times) for times in (1.9, 2.0, 2.1, 15.0, 0.2, 9.0, 9.0, 9.0)], Decoding.EXACT)
    assert found.factor == pytest.approx(2.0)
    assert found.runs == 5


def test_short_and_empty_runs_do_not_count() -> None:
    short, empty = run(1.0, photos=50_000), EarlierRun(photos=0, bytes=0, seconds=300, cores=4)
    assert short.seconds < 180
    assert Pace.of([short, empty], Decoding.EXACT) == AS_BENCHMARKS
    assert Pace.of([short, run(3.0)], Decoding.EXACT).factor == pytest.approx(3.0)


def test_the_start_of_executors_in_a_run_of_few_photos_does_not_count_as_their_speed() -> None:
    assert Pace.of([EarlierRun(photos=700, bytes=3_500_000, seconds=60.0, cores=4.0)], Decoding.EXACT) == AS_BENCHMARKS


@pytest.mark.parametrize(("times", "factor"), [(1000.0, 20.0), (0.001, 0.1)])
def test_a_wrong_measurement_has_a_limited_effect(times: float, factor: float) -> None:
    assert Pace.of([run(times, photos=200_000_000)], Decoding.EXACT).factor == factor


def test_scaled_decoding_of_large_files_takes_less_time() -> None:
    exact, scaled = (core_seconds(1000, 4_000_000_000, decoding) for decoding in (Decoding.EXACT, Decoding.SCALED))
    assert exact > 2 * scaled


METRICS = {"photos": 10, "seconds": {"start": 3.0, "featurize": 40.0}}
PLANNED = {"bytes": 50_000, "cores": 4.0}


def test_an_earlier_run_is_read_from_its_files() -> None:
    assert of_files(PLANNED, METRICS) == EarlierRun(photos=10, bytes=50_000, seconds=40.0, cores=4.0)


@pytest.mark.parametrize(
    ("planned", "metrics"),
    [
        (None, METRICS),
        (PLANNED, None),
        ([], METRICS),
        ({**PLANNED, "cores": None}, METRICS),
        ({"cores": 4.0}, METRICS),
        (PLANNED, {"photos": 10, "seconds": {}}),
        (PLANNED, {"photos": "many", "seconds": {"featurize": 40.0}}),
        (PLANNED, {"running": {"attempt": "0123"}}),
    ],
)
def test_a_run_with_missing_or_wrong_files_is_left_out(planned: object, metrics: object) -> None:
    assert of_files(planned, metrics) is None
