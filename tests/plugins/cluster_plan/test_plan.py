"""The cluster of a run is as large as its photos need, within the limits of the settings."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verger.cluster_plan.pace import AS_BENCHMARKS, Pace, Work
from verger.cluster_plan.plan import ClusterPlan, in_words, plan_cluster, start_share
from verger.settings import Settings
from verger.settings.container_sizes import EXECUTOR_CORES, MASTER_MIB, executors
from verger.settings.instance_types import YARN_MIB

MILLION = 1_000_000
SMALL_PHOTO = 5000
"""Bytes of a photo of Fruits-360."""

PHOTOS = st.integers(0, 200 * MILLION)
FACTORS = st.floats(0.1, 20)
LIMITS = st.fixed_dictionaries({
    "core_on_demand": st.integers(1, 100),
    "task_spot": st.integers(0, 500),
    "max_workers": st.integers(0, 600),
    "spot_nodes_share": st.floats(0, 1),
    "target_minutes": st.integers(5, 1440),
})  # fmt: skip
DEFAULTS = Settings.from_environment({"VERGER_BUCKET": "orchard"})


def settings(**values: str) -> Settings:
    return Settings.from_environment({"VERGER_BUCKET": "orchard"} | values)


def work(photos: int, listed: int | None = None, photo_bytes: int = SMALL_PHOTO) -> Work:
    return Work(photos=photos, bytes=photos * photo_bytes, listed=photos if listed is None else listed)


def planned(photos: int, pace: Pace = AS_BENCHMARKS, **values: str) -> ClusterPlan:
    return plan_cluster(work(photos), pace, settings(**values))


def limited(photos: int, factor: float, limits: Mapping[str, Any]) -> ClusterPlan:
    """Return the plan of a run with other limits, which `settings` would read more slowly."""
    cluster = dataclasses.replace(DEFAULTS.cluster, **_members(DEFAULTS.cluster, limits))
    sizing = dataclasses.replace(DEFAULTS.sizing, **_members(DEFAULTS.sizing, limits))
    return plan_cluster(work(photos), Pace(factor, 1), dataclasses.replace(DEFAULTS, cluster=cluster, sizing=sizing))


def _members(group: object, limits: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in limits.items() if hasattr(group, name)}


@pytest.mark.parametrize(
    ("photos", "core", "task"),
    [(0, 1, 1), (700, 1, 1), (23_619, 1, 1), (MILLION, 2, 1), (10 * MILLION, 7, 21), (100 * MILLION, 9, 31)],
)
def test_small_runs_keep_the_nodes_of_the_settings_and_large_runs_get_more(photos: int, core: int, task: int) -> None:
    found = planned(photos)
    assert (found.core, found.task) == (core, task)


def test_large_files_need_more_nodes_than_small_ones() -> None:
    small, large = (
        plan_cluster(work(MILLION, photo_bytes=size), AS_BENCHMARKS, settings()) for size in (5000, 4000000)
    )
    assert large.workers > 5 * small.workers


def test_the_rows_of_step_2_count_in_a_run_with_few_new_photos() -> None:
    few = plan_cluster(work(1000, listed=100 * MILLION), AS_BENCHMARKS, settings())
    assert few.workers > planned(1000).workers


def test_a_slow_bucket_gets_more_nodes_and_its_runs_are_named() -> None:
    slow = planned(MILLION, Pace(4.0, 3))
    assert slow.workers > planned(MILLION).workers
    assert "(13.7 photos/s a vCPU, the speed of the last 3 long runs of this bucket)" in in_words(slow)
    assert "(54.7 photos/s a vCPU, the speed of the benchmarks)" in in_words(planned(MILLION))


def test_the_target_is_reached_unless_the_limit_of_workers_is_lower() -> None:
    found = planned(10 * MILLION)
    assert (found.step_1_minutes or 0) + (found.step_2_minutes or 0) <= 30
    limited = planned(10 * MILLION, VERGER_MAX_WORKERS="20")
    assert limited.workers == 20
    assert "VERGER_MAX_WORKERS allows 20" in in_words(limited)


def test_a_limit_of_zero_keeps_the_nodes_of_the_settings() -> None:
    found = planned(100 * MILLION, VERGER_MAX_WORKERS="0", VERGER_CORE_ON_DEMAND="3", VERGER_TASK_SPOT="5")
    assert (found.core, found.task) == (3, 5)


def test_without_task_nodes_in_the_settings_no_run_gets_spot_nodes() -> None:
    found = planned(10 * MILLION, VERGER_TASK_SPOT="0")
    assert (found.core > 20, found.task) == (True, 0)


def test_the_core_nodes_alone_hold_the_data_of_step_2() -> None:
    assert planned(MILLION).data_gib == 64
    many = planned(100 * MILLION)
    assert many.data_gib > 64
    assert many.core * (many.data_gib - 16) * 2**30 >= 100 * MILLION * 5120


def test_a_step_that_takes_longer_than_its_time_limit_is_announced() -> None:
    text = in_words(planned(100 * MILLION, VERGER_MAX_WORKERS="0", VERGER_STEP_MINUTES="720"))
    assert "is cancelled after 720 (VERGER_STEP_MINUTES)" in text


def test_few_photos_cost_mostly_the_start() -> None:
    found = planned(700)
    assert found.minutes == pytest.approx(9.3, abs=0.1)
    assert found.cost == pytest.approx(0.09, abs=0.03)
    assert (start_share(found) or 0) > 0.95
    assert "VERGER_WAIT_FOR_PHOTOS" in in_words(found)
    assert "VERGER_WAIT_FOR_PHOTOS" not in in_words(planned(10 * MILLION))


def test_a_type_without_a_size_has_no_minutes_and_the_nodes_of_the_settings() -> None:
    found = planned(10 * MILLION, VERGER_WORKER_INSTANCE_TYPES="c6i.metal")
    assert (found.core, found.task, found.minutes, found.cost) == (1, 1, None, None)
    assert "VERGER_WORKER_INSTANCE_TYPES" in in_words(found)


def test_a_type_without_a_price_has_no_cost() -> None:
    found = planned(700, VERGER_WORKER_INSTANCE_TYPES="c6i.xlarge,m7i.2xlarge")
    assert found.minutes is not None
    assert found.cost is None
    assert "cost unknown" in in_words(found)


def test_a_graviton_node_counts_with_its_own_speed() -> None:
    arm, x86 = (planned(MILLION, VERGER_WORKER_INSTANCE_TYPES=name).cores or 0 for name in ("c7g.xlarge", "c6i.xlarge"))
    assert arm / planned(MILLION, VERGER_WORKER_INSTANCE_TYPES="c7g.xlarge").workers == pytest.approx(2.8)
    assert x86 / planned(MILLION, VERGER_WORKER_INSTANCE_TYPES="c6i.xlarge").workers == pytest.approx(2.0)


def test_the_document_of_a_plan_is_read_back() -> None:
    found = planned(10 * MILLION, VERGER_MAX_WORKERS="20")
    assert ClusterPlan.parse(json.loads(json.dumps(found.document()))) == found
    assert ClusterPlan.parse(json.loads(json.dumps(dataclasses.asdict(found)))) == found


@given(PHOTOS, PHOTOS, FACTORS, LIMITS)
def test_more_photos_never_get_fewer_nodes(first: int, second: int, factor: float, limits: dict[str, Any]) -> None:
    few, many = (limited(photos, factor, limits) for photos in sorted((first, second)))
    assert few.core <= many.core
    assert few.task <= many.task


@given(PHOTOS, FACTORS, LIMITS)
def test_a_plan_stays_within_the_limits(photos: int, factor: float, limits: dict[str, Any]) -> None:
    found = limited(photos, factor, limits)
    least = limits["core_on_demand"] + limits["task_spot"]
    assert found.core >= limits["core_on_demand"]
    assert found.task >= limits["task_spot"]
    assert least <= found.workers <= max(limits["max_workers"], least)
    if not limits["task_spot"]:
        assert found.task == 0
    assert 64 <= found.data_gib <= 1024
    assert found.cost is not None
    assert found.cost > 0


@given(PHOTOS, FACTORS, LIMITS)
def test_one_worker_less_would_miss_the_target(photos: int, factor: float, limits: dict[str, Any]) -> None:
    found = limited(photos, factor, limits)
    minutes = (found.step_1_minutes or 0) + (found.step_2_minutes or 0)
    if found.workers < max(limits["max_workers"], limits["core_on_demand"] + limits["task_spot"]):
        assert minutes <= limits["target_minutes"] + 1e-6
    if found.workers > limits["core_on_demand"] + limits["task_spot"]:
        constant = 71 / 60  # two starts of Spark, and the constant parts of both steps
        slower = constant + (minutes - constant) * found.workers / (found.workers - 1)
        assert slower > limits["target_minutes"] - 1e-6


@hypothesis.settings(max_examples=30)
@given(st.sampled_from(sorted(YARN_MIB)), st.integers(768, 4096), st.integers(1792, 4096))
def test_the_executors_that_a_plan_counts_fit_on_the_node(name: str, heap: int, overhead: int) -> None:
    count = executors(name, heap + overhead) or 0
    assert count * (heap + overhead) + MASTER_MIB <= YARN_MIB[name]
    if count:
        found = planned(
            700,
            VERGER_WORKER_INSTANCE_TYPES=name,
            VERGER_REGION="eu-central-1",
            VERGER_EXECUTOR_HEAP_MIB=str(heap),
            VERGER_EXECUTOR_OVERHEAD_MIB=str(overhead),
        )
        assert found.cores == pytest.approx(found.workers * count * EXECUTOR_CORES / 2)
