"""The RunJobFlow request of each plan is valid for EMR's API and within its documented limits."""

from __future__ import annotations

import re
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from verger.cluster_plan.pace import Pace, Work
from verger.cluster_plan.plan import plan_cluster
from verger.emr import requests
from verger.settings import EU_REGIONS, Settings
from verger.settings.instance_types import default_workers

REGIONS = [region for region in EU_REGIONS if default_workers(region)]
PHOTOS = (0, 700, 23_619, 1_000_000, 100_000_000)
SHAPE = botocore.session.get_session().get_service_model("emr").operation_model("RunJobFlow").input_shape

MOST_TYPES, MOST_TAGS, MOST_BOOTSTRAP_ACTIONS = 30, 50, 16
TAG_KEY, TAG_VALUE = r"(?!aws:)[\w .:/=+@-]{1,128}", r"[\w .:/=+@-]{0,256}"
ROOT_GIB, DATA_GIB = range(15, 101), range(1, 1025)
IDLE_SECONDS, SPOT_MINUTES = range(60, 604_801), range(5, 1441)
FLEETS = [["MASTER", "CORE"], ["MASTER", "CORE", "TASK"]]
"""Limits of the EMR API Reference (InstanceFleetConfig, InstanceTypeConfig, VolumeSpecification, AutoTerminationPolicy,
SpotProvisioningSpecification), and of the EMR Management Guide (instance fleets, bootstrap actions, tags)."""


def request(photos: int, factor: float = 1.0, **values: str) -> tuple[Settings, dict[str, Any]]:
    settings = Settings.from_environment({"VERGER_BUCKET": "orchard"} | values)
    planned = plan_cluster(Work(photos=photos, bytes=5000 * photos, listed=photos), Pace(factor, 1), settings)
    return settings, requests.cluster(
        settings,
        dag_id="fruit_features",
        run_id="run-1",
        artifacts="s3://orchard/artifacts/abc",
        environment="/opt/verger/abc",
        sized=requests.sizes(settings, planned),
    )


def check(made: dict[str, Any]) -> None:
    assert SHAPE is not None
    report = ParamValidator().validate(made, SHAPE)
    assert not report.has_errors(), report.generate_report()
    fleets = made["Instances"]["InstanceFleets"]
    assert [fleet["InstanceFleetType"] for fleet in fleets] in FLEETS
    for fleet in fleets:
        capacities = [fleet.get(f"Target{market}Capacity", 0) for market in ("OnDemand", "Spot")]
        assert sum(capacities) >= 1, "EMR refuses a fleet without capacity"
        assert sum(capacities) == 1 or fleet["InstanceFleetType"] != "MASTER"
        assert 1 <= len(fleet["InstanceTypeConfigs"]) <= MOST_TYPES
        for kind in fleet["InstanceTypeConfigs"]:
            assert kind["WeightedCapacity"] == 1
            for device in kind["EbsConfiguration"]["EbsBlockDeviceConfigs"]:
                assert device["VolumeSpecification"]["SizeInGB"] in DATA_GIB
        spot = fleet["LaunchSpecifications"].get("SpotSpecification")
        assert spot is None or spot["TimeoutDurationMinutes"] in SPOT_MINUTES
    assert made["EbsRootVolumeSize"] in ROOT_GIB
    assert made["AutoTerminationPolicy"]["IdleTimeout"] in IDLE_SECONDS
    assert len(made["Tags"]) <= MOST_TAGS
    for tag in made["Tags"]:
        assert re.fullmatch(TAG_KEY, tag["Key"])
        assert re.fullmatch(TAG_VALUE, tag["Value"])
    assert len(made["BootstrapActions"]) <= MOST_BOOTSTRAP_ACTIONS


def nodes(made: dict[str, Any]) -> int:
    fleets = made["Instances"]["InstanceFleets"][1:]
    return sum(fleet.get("TargetOnDemandCapacity", 0) + fleet.get("TargetSpotCapacity", 0) for fleet in fleets)


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("photos", PHOTOS)
def test_the_request_of_a_plan_is_valid(photos: int, region: str) -> None:
    settings, made = request(photos, VERGER_REGION=region)
    check(made)
    primary, core = made["Instances"]["InstanceFleets"][:2]
    assert (primary["TargetOnDemandCapacity"], primary["LaunchSpecifications"].keys()) == (1, {"OnDemandSpecification"})
    assert core["TargetOnDemandCapacity"] >= settings.cluster.core_on_demand
    assert nodes(made) == {0: 2, 700: 2, 23_619: 2, 1_000_000: 3, 100_000_000: 40}[photos]


@given(
    st.integers(0, 10**9),
    st.floats(0.1, 20),
    st.integers(0, 500).map(str),
    st.integers(0, 600).map(str),
    st.integers(0, 600).map(str),
)
def test_every_plan_makes_a_valid_request(photos: int, factor: float, task: str, most: str, scale: str) -> None:
    values = {"VERGER_TASK_SPOT": task, "VERGER_MAX_WORKERS": most, "VERGER_SCALE_UP_TO": scale}
    _, made = request(photos, factor, **values)
    check(made)
    limits = made.get("ManagedScalingPolicy", {}).get("ComputeLimits")
    assert (limits is None) == (scale == "0")
    if limits:
        assert limits["MinimumCapacityUnits"] == nodes(made)
        assert limits["MaximumCapacityUnits"] == max(int(scale), nodes(made))
        assert limits["MaximumCoreCapacityUnits"] <= limits["MaximumOnDemandCapacityUnits"] <= nodes(made)


def test_the_steps_get_the_cores_of_the_planned_nodes() -> None:
    settings = Settings.from_environment({"VERGER_BUCKET": "orchard"})
    planned = plan_cluster(Work(photos=10**7, bytes=5 * 10**10, listed=10**7), Pace(), settings)
    assert requests.sizes(settings, planned)["cores"] == 4 * planned.workers == 112
