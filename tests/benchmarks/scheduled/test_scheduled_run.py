"""The benchmark of scheduled runs in its short form: the real tasks and steps over few drawn photos."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.harness.dag_runs import AIRFLOW
from benchmarks.planning import scheduled_runs
from benchmarks.scheduled import __main__ as benchmark
from benchmarks.scheduled.page import Measured, summary, write
from benchmarks.scheduled.scheduled_run import KINDS, STAGES
from sample_photos.orchard import draw_orchard
from tests.places import ROOT, of_long_form
from tests.ports import free_ports

DRAWN, NEW = 2000, 5

pytestmark = [
    of_long_form,
    pytest.mark.skipif(not AIRFLOW.exists(), reason="Airflow is not installed (`make setup`)"),
]


def test_a_run_over_drawn_photos_publishes_and_every_task_is_measured(tmp_path: Path) -> None:
    draw_orchard(tmp_path / "orchard", 12)
    photos = [
        (f"{path.parent.name}/{path.name}", path.read_bytes()) for path in sorted((tmp_path / "orchard").rglob("*.jpg"))
    ]
    found: list[Measured] = []
    with benchmark.place(DRAWN, free_ports(10)) as at:
        benchmark.write_base(at, DRAWN, tmp_path / "orchard")
        benchmark.measure(at, DRAWN, photos, [NEW], lambda *run: found.append(Measured(*run)))
    (run,) = found
    assert [row["task"] for row in run.rows] == [stage.name for stage in STAGES]
    for row in run.rows:
        assert 0 < row["own_s"] <= row["s"]
        assert row["cpu_s"] > 0
        assert sum(row[kind] for kind in KINDS) > 0
    assert f"{DRAWN:,} drawn" == summary(run)["base"]
    text = tmp_path / "page.md"
    text.write_text((ROOT / "benchmarks" / "scheduled_runs.md").read_text())
    write(found, text, tmp_path / "results.json")
    write([Measured(run.base, "9 new", run.rows)], text, tmp_path / "results.json")
    assert [one.new for one in scheduled_runs.read(text.read_text())] == [NEW, 9]
