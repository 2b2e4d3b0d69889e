"""Programs that take turns: every figure is saved before the next program runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.comparison.__main__ import VERGER, publish
from benchmarks.comparison.runs import Outcome
from benchmarks.comparison.turns import MissingFeaturesError, Rows, take_turns
from benchmarks.harness.places import README

PATHS = [f"images/Apple/{number}.jpg" for number in range(4)]


def program(folder: Path, *, photos: int = 4, seconds: float = 2.0, moved: float = 0.0) -> Callable[[], Outcome]:
    """A program whose features of photo n are n, n + 1, n + 2, each plus `moved`."""

    def run() -> Outcome:
        folder.mkdir(parents=True, exist_ok=True)
        features = [np.arange(number, number + 3, dtype=np.float32) + np.float32(moved) for number in range(photos)]
        table = pa.table({"path": PATHS[:photos], "features": pa.array(features, pa.list_(pa.float32()))})
        pq.write_table(table, folder / "part.parquet")
        return Outcome(photos, seconds, 1.5 * seconds, 1.0, 1.0, 100.0, 50.0, 0.0, folder)

    return run


def failing() -> Outcome:
    raise RuntimeError("this program fails")


def test_figures_of_a_program_are_recorded_before_the_next_one_fails(tmp_path: Path) -> None:
    recorded: list[Rows] = []
    programs = {"loop": program(tmp_path / "loop", moved=0.5), VERGER: program(tmp_path / "verger"), "ray": failing}
    with pytest.raises(RuntimeError, match="this program fails"):
        take_turns(programs, 2, recorded.append, reference=VERGER)
    assert [list(rows) for rows in recorded] == [["loop"], ["loop", VERGER]]
    assert recorded[0]["loop"]["photos_per_second"] == 2.0
    assert recorded[0]["loop"]["difference"] is None
    assert recorded[1]["loop"]["difference"] == pytest.approx(0.5)
    assert recorded[1][VERGER]["difference"] == 0.0


def test_figures_are_medians_and_one_program_runs_once(tmp_path: Path) -> None:
    seconds = iter([1.0, 3.0, 2.0])

    def verger() -> Outcome:
        return program(tmp_path / "verger", seconds=next(seconds))()

    recorded: list[Rows] = []
    programs = {VERGER: verger, "notebook": program(tmp_path / "notebook", photos=2, moved=-0.25)}
    take_turns(programs, 3, recorded.append, reference=VERGER, once="notebook")
    rows = recorded[-1]
    assert (rows[VERGER]["runs"], rows[VERGER]["seconds"]) == (3, 2.0)
    assert (rows["notebook"]["runs"], rows["notebook"]["photos"]) == (1, 2)
    assert rows["notebook"]["difference"] == pytest.approx(0.25)
    assert len(recorded) == 4
    assert not (tmp_path / "verger").exists()


def test_a_photo_without_reference_is_named(tmp_path: Path) -> None:
    programs = {VERGER: program(tmp_path / "verger", photos=2), "ray": program(tmp_path / "ray")}
    with pytest.raises(MissingFeaturesError, match=r"Apple/2\.jpg: the reference has no features"):
        take_turns(programs, 1, lambda rows: None, reference=VERGER)


def test_page_and_results_hold_the_figures_after_an_error(tmp_path: Path) -> None:
    page, path = tmp_path / "README.md", tmp_path / "results.json"
    page.write_text(README.read_text())
    programs = {"loop": program(tmp_path / "loop"), VERGER: program(tmp_path / "verger", seconds=1.0), "ray": failing}
    with pytest.raises(RuntimeError, match="this program fails"):
        take_turns(programs, 1, lambda rows: publish(rows, page, path), reference=VERGER)
    saved = {row["name"]: row for row in json.loads(path.read_text())["comparison"]["rows"]}
    assert saved["loop"]["photos_per_second"] == 2.0
    assert saved[VERGER]["cpu_seconds_per_1000"] == pytest.approx(375.0)
    text = page.read_text()
    assert "| loop | 4 | 1 | 2.0 | 750.00 | 1.0 (1.0) | 100 | 50 | 0.0e+00 |" in text
    assert "| loop | 2.000 × | 0.500 × |" in text


def test_before_the_reference_has_run_there_are_no_ratios(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(README.read_text())
    take_turns(
        {"loop": program(tmp_path / "loop")}, 1, lambda rows: publish(rows, page, tmp_path / "r.json"), reference=VERGER
    )
    assert "| loop | 4 | 1 | 2.0 | 750.00 | 1.0 (1.0) | 100 | 50 |  |" in page.read_text()
