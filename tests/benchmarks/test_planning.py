"""The cost of photos, computed by hand from round figures."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness import results
from benchmarks.planning import blocks, scheduled_runs
from benchmarks.planning import page as planning
from benchmarks.planning.blocks import Basis
from benchmarks.planning.fleet import MACHINES, Effort, Fleet, Measured
from benchmarks.planning.limits import Listing
from benchmarks.planning.page import page
from benchmarks.planning.prices import STATED, stated
from benchmarks.planning.requests import Requests, groups, requests, splits
from tests.places import ROOT

INTEL, _, GRAVITON = MACHINES
MILLION = 1_000_000
ROUND = ("c6i.xlarge=0.2", "m6i.xlarge=0.2", "spot=0.5", "EMR=0.25", "gp3=0", "EUR=1", "cluster start=400")


def row(photos: int, step_1_s: float, step_2_s: float) -> dict[str, Any]:
    return {
        "photos": photos,
        "step_1_s": step_1_s,
        "step_2_s": step_2_s,
        "step_1_worker_mb": 290.0,
        "step_2_worker_mb": 250.0,
        "features_bytes": 4000 * photos,
        "pca_bytes": 1000 * photos,
        "k": 120,
        "check_s": photos / 10_000,
    }


#: Step 1: 4 s and, on two cores, 5 ms a photo; step 2: 8 s and 0.5 ms.
GROWTH = {"measured": "then, there", "cores": 2, "rows": [row(4000, 24.0, 10.0), row(24_000, 124.0, 20.0)]}
FIGURES = {name: figure.value for name, figure in stated(ROUND).items()}
LISTING = Listing(7e-6, 15e-6)
SCHEDULED = """<!-- scheduled -->
| base | run | anything_to_do, s | featurize, s | verify_features, s | pca, s | verify_pca, s | publish, s | all but listing and step 1, s | their CPU time, s | their requests |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
| 200 real | first run | 1.0 | 9.0 | 1.0 | 1.0 | 1.0 | 1.0 | 5.0 | 9.0 | 99 |
| 1,000,000 drawn | 10,000 new | 4.0 | 90.0 | 12.0 | 30.0 | 18.0 | 2.0 | 66.0 | 80.0 | 1,200 |

*then, there*
<!-- /scheduled -->"""  # noqa: E501 (a table)


def test_the_page_of_the_cost_names_each_price_that_is_not_confirmed() -> None:
    text = (ROOT / "docs/cost.md").read_text()
    _, _, section = text.partition("## Prices that are not confirmed")
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| ")]
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row)} & STATED.keys()
    of_money = {name for name, one in STATED.items() if "USD" in one.unit or "price" in one.unit}
    assert named == {name for name in of_money if not STATED[name].confirmed}


def test_each_step_is_a_line_through_two_measurements() -> None:
    found = Measured.of(GROWTH)
    assert (found.step_1.fixed_s, found.step_1.core_s) == pytest.approx((4.0, 0.010))
    assert (found.step_2.fixed_s, found.step_2.core_s) == pytest.approx((8.0, 0.001))
    assert (found.check_s, found.features_bytes, found.pca_bytes) == pytest.approx((1e-4, 4000, 1000))


def test_a_line_takes_two_points() -> None:
    with pytest.raises(ValueError, match="make bench-growth"):
        Effort.of([row(1000, 10.0, 8.0), row(2000, 15.0, 9.0)], "step_1", 2)


def test_a_vcpu_is_half_a_core_on_intel_and_a_core_on_graviton() -> None:
    assert INTEL.cores(FIGURES) == pytest.approx(4 / 2)
    assert INTEL.cores({**FIGURES, "two threads": 1.2}) == pytest.approx(2.4)
    assert GRAVITON.cores({**FIGURES, "Graviton core": 0.75}) == pytest.approx(4 * 0.75)


def test_a_million_photos_by_hand() -> None:
    """3,600 s minus two starts of 30 s and 12 s are 3,528 s for 11,000 core seconds: 3.1 cores."""
    fleet = Fleet.for_hours(Measured.of(GROWTH), FIGURES, INTEL, MILLION, 1.0)
    assert fleet is not None
    assert fleet.nodes == 2
    assert fleet.cores == pytest.approx(4.0)
    phases = fleet.phases(MILLION, MILLION)
    assert phases.step_1_s == pytest.approx(30 + 4 + 10_000 / 4)
    assert phases.check_s == pytest.approx(2 * 30 + 8 + 2 * 100 / 4)
    assert phases.step_2_s == pytest.approx(30 + 8 + 1000 / 4)
    assert phases.hours == pytest.approx((400 + 2534 + 118 + 288) / 3600)
    # A node 0.20 and EMR's 0.05 an hour, on Spot 0.10 and 0.05; three nodes, one of which may be Spot.
    assert fleet.eur(phases, spot=False) == pytest.approx(3340 / 3600 * 3 * 0.25)
    assert fleet.eur(phases, spot=True) == pytest.approx(3340 / 3600 * (2 * 0.25 + 0.15))


def test_no_number_of_nodes_shortens_the_constant_parts() -> None:
    assert Fleet.for_hours(Measured.of(GROWTH), FIGURES, INTEL, MILLION, 70 / 3600) is None


def test_volumes_are_paid_by_the_hour() -> None:
    with_volumes = {**FIGURES, "gp3": 0.10}
    assert INTEL.usd(with_volumes, "c6i.xlarge", spot=False) == pytest.approx(0.25 + (20 + 64) * 0.10 / 730)


def test_requests_of_a_million_photos_by_hand() -> None:
    """Files of 4,077, 1,021 and 256 photos for 75, 20 and 5 %, of 16, 4 and 1 MB; tasks of 32 MB for step 2."""
    files = splits(MILLION, 12)
    assert Counter(round(rows, -1) for rows in files) == {4080: 184, 1020: 196, 260: 196}
    assert sum(files) == MILLION
    found = Measured.of(GROWTH)
    # The large files (two were 32.6 MB), but one, each alone; seven of the middle ones; 31 of the small ones; the rest.
    read = Counter(round(rows, -2) for rows in groups(found, files, 12))
    assert read == {4100: 183, 7100: 28, 7900: 6, 6600: 1}
    sent = requests(found, MILLION, MILLION, 12)
    # 512 photos are one GET. Twice by step 2: length, index, photos. By checks: 3 for each, features twice.
    step_2 = 2 * (184 * (2 + 8) + 196 * (2 + 2) + 196 * (2 + 1))
    assert sent.gets == MILLION + 3 * 576 + step_2 + 3 * (2 * 576 + 218)
    # Uploads in parts of 5 MiB, and start and end: 4 parts for the large files of features, 2 for the coordinates of
    # the 35 tasks that read several files.
    assert sent.puts_lists == 1000 + (184 * 6 + 196 + 196) + (183 + 35 * 4)
    assert Requests(MILLION, 1000).eur({**FIGURES, "S3 GET": 0.0004, "S3 PUT, LIST": 0.005}) == pytest.approx(0.405)


def test_the_listing_is_read_from_the_table_of_the_readme() -> None:
    text = (
        "<!-- inventory -->\n| keys | changed | listing s | comparison s | manifest s | peak |\n| --- |\n"
        "| 1,000,000 | 9, 9, 9 | 6.0 | 3.1 | 4.4 | 214 |\n| 10,000,000 | 9, 9, 9 | 70.0 | 30.0 | 40.0 | 214 |\n"
        "<!-- /inventory -->"
    )
    found = Listing.read(text)
    assert (found.listing_s, found.all_s) == pytest.approx((7e-6, 14e-6))
    with pytest.raises(ValueError, match="make bench-inventory"):
        Listing.read("nothing")


def test_a_scheduled_run_is_read_from_its_table() -> None:
    (found,) = scheduled_runs.read(SCHEDULED)
    assert (found.base, found.new, found.requests) == (MILLION, 10_000, 1200)
    assert (found.step_2_s, found.verification_s, found.airflow_s) == (30, 30, 6)
    with pytest.raises(ValueError, match="make bench-nights"):
        scheduled_runs.read("nothing")


def test_every_mark_of_the_page_is_filled() -> None:
    basis = Basis(GROWTH, None, LISTING, stated(ROUND), scheduled=scheduled_runs.read(SCHEDULED))
    text = page(planning.PAGE.read_text(), basis)
    assert "not computed" not in text
    # Step 1 takes 30 s for its start, 4 s and 100 core seconds on 4 cores.
    assert "| 2 c6i.xlarge | 6.7 | 1.0 | 0.5 | 0.5 |" in text
    assert "| 1,000,000 | 1 | c6i.xlarge | 2 | 0.78 | 0.93 | 2.8 | 0.70 | 0.60 |" in text
    assert "times as many" not in text  # there is no comparison with the notebook
    assert page(text, basis) == text
    with pytest.raises(ValueError, match="<!-- costs -->"):
        page(text.replace("<!-- costs -->", ""), basis)


def test_photos_of_cameras_cost_their_cpu_time() -> None:
    """50 ms a photo: a million takes 50,000 core seconds, 6.94 hours of two cores at 0.25 (on Spot 0.15)."""
    rows = [
        {"size": "12 Mpx", "name": "Verger, step 1, scaled", "photos": 100, "cpu_seconds": 5.0},
        {"size": "12 Mpx", "name": "Daft", "photos": 100, "cpu_seconds": 90.0},
    ]
    text = blocks.camera(Basis(GROWTH, None, LISTING, stated(ROUND), {"measured": "then, there", "rows": rows}))
    assert "| 12 Mpx | scaled | 20.0 | 6.9 | 1.74 | 1.04 |" in text
    assert "| 100 × 100 pixels | both | 100.0 | 1.4 | 0.35 | 0.21 |" in text
    assert "90" not in text
    assert blocks.camera(Basis(GROWTH, None, LISTING, stated(ROUND))) == ""


def test_the_notebook_is_compared_if_it_was_measured() -> None:
    rows = [{"name": "Verger", "photos_per_second": 180.0}, {"name": "The notebook's way", "photos_per_second": 18.0}]
    text = blocks.notebook(Basis(GROWTH, {"rows": rows}, LISTING, stated(ROUND)))
    assert "10.0 times as many" in text.replace("\n", " ")
    # A million photos of 10 ms on two cores: 1.39 hours at 0.25.
    assert "3.47 EUR on demand, Verger 0.35" in text.replace("\n", " ")


def test_figures_can_be_set_by_hand() -> None:
    assert stated(["spot=0.3"])["spot"] == replace(STATED["spot"], value=0.3, source="set by hand", confirmed=True)
    assert stated(["cluster_start=600"])["cluster start"].value == 600
    with pytest.raises(ValueError, match="'sopt=1': expected one of"):
        stated(["sopt=1"])


def test_results_are_saved_by_name(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    assert results.load("growth", path) is None
    results.save("growth", {"cores": 2, "rows": [{"photos": 1}]}, path)
    results.save("bench", [{"name": "Verger"}], path)
    found = results.load("growth", path)
    assert found is not None
    assert found["measured"].startswith("20")
    assert (found["cores"], found["rows"]) == (2, [{"photos": 1}])
    assert results.load("bench", path) == {"measured": found["measured"], "rows": [{"name": "Verger"}]}
