from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from verger.emr.progress import line

START = datetime(2026, 11, 23, 2, tzinfo=UTC)


def progress(done: int, total: int, seconds: float, step: str = "featurize") -> dict[str, Any]:
    updated = START + timedelta(seconds=seconds)
    return {
        "step": step,
        "done": done,
        "total": total,
        "started_at": START.isoformat(),
        "updated_at": updated.isoformat(),
    }


@pytest.mark.parametrize(
    ("done", "total", "seconds", "expected"),
    [
        (12_400, 23_619, 84, "featurize 12,400/23,619 52 % 148 img/s ETA 76 s"),
        (0, 100, 5, "featurize 0/100 0 %"),
        (0, 0, 5, "featurize 0/0 0 %"),
        (100, 100, 0, "featurize 100/100 100 %"),
        (100, 100, 50, "featurize 100/100 100 % 2 img/s"),
    ],
)
def test_the_line_has_progress_rate_and_eta(done: int, total: int, seconds: float, expected: str) -> None:
    assert line("featurize", progress(done, total, seconds)) == expected


def test_the_progress_of_another_step_is_not_shown() -> None:
    assert line("pca", progress(1, 2, 1)) == ""


def test_a_time_ending_in_z_is_utc() -> None:
    stamped = progress(10, 20, 10) | {"started_at": "2026-11-23T02:00:00Z", "updated_at": "2026-11-23T02:00:10Z"}
    assert line("featurize", stamped) == "featurize 10/20 50 % 1 img/s ETA 10 s"
