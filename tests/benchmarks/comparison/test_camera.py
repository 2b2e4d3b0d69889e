"""The tables of photos from cameras, from figures by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.comparison.camera import EXACT, LOOPS, SCALED, WORKER_MB, publish, ratios
from benchmarks.harness.places import README
from verger.emr.requests import EXECUTOR_CORES, EXECUTOR_OVERHEAD_MIB


def row(speed: float) -> dict[str, Any]:
    return {
        "photos": 100, "runs": 1, "photos_per_second": speed, "cpu_seconds": 200 / speed, "start_seconds": 1.0,
        "peak_mb": 900.0, "worker_mb": 470.0, "difference": None,
    }  # fmt: skip


def test_each_decoding_is_compared_with_its_own_loop_and_with_other_programs() -> None:
    rows = {EXACT: row(10.0), LOOPS[EXACT]: row(12.5), "Daft": row(8.0), SCALED: row(30.0)}
    found = {(each[""], each["divided by"]): each["photos/s"] for each in ratios("12 Mpx", rows)}
    assert found == {(EXACT, LOOPS[EXACT]): "0.80 ×", (EXACT, "Daft"): "1.25 ×", (SCALED, "Daft"): "3.75 ×"}


def test_a_worker_may_have_its_part_of_the_overhead_of_the_executor() -> None:
    assert WORKER_MB * 1e6 * EXECUTOR_CORES == EXECUTOR_OVERHEAD_MIB * 2**20
    assert ratios("2 Mpx", {EXACT: row(1.0), "Daft": row(1.0)})[0][f"largest worker, of {WORKER_MB:.0f} MB"] == "50%"


def test_page_and_results_hold_all_sizes(tmp_path: Path) -> None:
    page, path = tmp_path / "README.md", tmp_path / "results.json"
    page.write_text(README.read_text())
    publish({"12 Mpx": {LOOPS[EXACT]: row(20.0)}, "2 Mpx": {EXACT: row(50.0)}}, page, path)
    assert "| 12 Mpx | bare loop, exact | 100 | 1 | 20.0 | 100.0 | 1.0 | 900 | 470 |  |" in page.read_text()
    assert [each["size"] for each in json.loads(path.read_text())["camera"]["rows"]] == ["12 Mpx", "2 Mpx"]
