"""Run ids are legal in all places, the same for every try, and different for different runs."""

from __future__ import annotations

import re

import pytest

from verger.run_id import MAX_LENGTH, run_id

LEGAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@pytest.mark.parametrize(
    "airflow",
    [
        "scheduled__2026-11-23T01:00:00+00:00",
        "manual__2026-11-23T06:07:16.123456+00:00_aB3",
        "_hidden",
        ".hidden",
        "..",
        "../../etc",
        "a/b",
        "été 柿",
        "柿",
        "a" * 250,
        "scheduled.1",
    ],
)
def test_an_id_is_legal_and_deterministic(airflow: str) -> None:
    made = run_id(airflow)
    assert LEGAL.fullmatch(made)
    assert len(made) <= MAX_LENGTH + 9
    assert ".." not in made
    assert run_id(airflow) == made


def test_a_legal_id_is_unchanged() -> None:
    assert run_id("scheduled.1") == "scheduled.1"


def test_different_runs_have_different_ids() -> None:
    runs = ["a:b", "a+b", "a-b", "a b", "_a-b", "a" * 101, "a" * 102, "x+00:00", "xZ", "柿", "桃"]
    assert len({run_id(run) for run in runs}) == len(runs)


def test_the_time_is_readable() -> None:
    assert run_id("scheduled__2026-11-23T01:00:00+00:00").startswith("scheduled__2026-11-23T01-00-00Z-")


def test_an_empty_id_is_an_error() -> None:
    with pytest.raises(ValueError, match="dag run id is empty"):
        run_id("")
