"""The figures by which a run plans its cluster are those of the benchmarks."""

from __future__ import annotations

import pytest

from benchmarks.harness import results
from benchmarks.planning import scheduled_runs
from benchmarks.planning.cluster_plans import PHOTO_BYTES, PHOTOS, PRICES, planned, row, table
from benchmarks.planning.fleet import Measured
from benchmarks.planning.page import PAGE
from verger.cluster_plan import figures
from verger.cluster_plan.pace import core_seconds
from verger.settings.prices import Prices
from verger_contract.preprocessing import Decoding

MEGABYTES = {"2 Mpx": 0.66, "12 Mpx": 4.0}
"""Of the photos of `benchmarks.harness.camera_photos`."""

NEAR = 0.25


def test_the_figures_are_the_measured_ones() -> None:
    growth = results.load("growth")
    assert growth is not None
    found = Measured.of(growth)
    assert core_seconds(1, PHOTO_BYTES, Decoding.EXACT) == pytest.approx(found.step_1.core_s, rel=NEAR)
    assert found.step_2.core_s == pytest.approx(figures.ROW_CORE_SECONDS, rel=NEAR)
    assert found.check_s == pytest.approx(figures.CHECK_SECONDS, rel=NEAR)
    assert found.step_1.fixed_s == pytest.approx(figures.STEP_1_SECONDS, rel=NEAR)
    assert found.step_2.fixed_s == pytest.approx(figures.STEP_2_SECONDS, rel=NEAR)


def test_the_constant_part_of_the_verification_is_that_of_a_run_with_few_new_photos() -> None:
    base = 1_000_000
    run = min((run for run in scheduled_runs.read() if run.base == base), key=lambda run: run.new)
    assert run.verification_s == pytest.approx(figures.VERIFICATION_SECONDS, rel=NEAR)


@pytest.mark.parametrize("decoding", list(Decoding))
@pytest.mark.parametrize("size", MEGABYTES)
def test_large_photos_take_the_measured_time(size: str, decoding: Decoding) -> None:
    camera = results.load("camera")
    assert camera is not None
    measured = next(
        (row["cpu_seconds"] - row["start_cpu_seconds"]) / row["photos"]
        for row in camera["rows"]
        if row["size"] == size and row["name"] == f"Verger, step 1, {decoding.value}"
    )
    assert core_seconds(1, int(MEGABYTES[size] * 1e6), decoding) == pytest.approx(measured, rel=NEAR)


def test_the_document_has_the_plans_of_today() -> None:
    assert table() in PAGE.read_text()


def test_a_region_with_lower_prices_has_lower_costs_for_the_same_nodes() -> None:
    plans = [planned(1_000_000, region)[1] for region in PRICES]
    assert len({(plan.core, plan.task, plan.minutes) for plan in plans}) == 1
    paris, frankfurt, stockholm = (plan.cost or 0 for plan in plans)
    assert paris > frankfurt > stockholm > 0
    assert planned(1_000_000, "eu-west-3")[0].prices.on_demand == Prices().on_demand


def test_a_run_with_nothing_to_do_has_no_cluster() -> None:
    assert row(0, "eu-west-3")["EUR"] == "0.00"
    assert PHOTOS[0] == 0
