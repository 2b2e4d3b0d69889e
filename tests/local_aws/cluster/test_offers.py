"""The instance types of the settings agree with the tables of EC2 and EMR that moto carries."""

from __future__ import annotations

import re

import pytest

from local_aws.cluster import offers, releases
from verger.settings import EU_REGIONS
from verger.settings.instance_types import (
    NOT_SOLD,
    YARN_MIB,
    architecture,
    default_primaries,
    default_workers,
    is_large_enough,
    vcpus,
)

RELEASES = ("emr-spark-8.1.0", "emr-7.14.0")
REGIONS = [region for region in EU_REGIONS if offers.sold(region) is not None]


def families(names: frozenset[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def test_every_region_but_the_sovereign_cloud_has_a_table() -> None:
    assert set(EU_REGIONS) - set(REGIONS) == {"eusc-de-east-1"}
    assert NOT_SOLD.keys() == set(REGIONS)


@pytest.mark.parametrize("region", REGIONS)
def test_the_families_that_a_region_does_not_sell_are_those_of_the_table(region: str) -> None:
    emr = frozenset(kind["Type"] for kind in releases.instance_types(RELEASES[0]))
    europe = {family for other in REGIONS for family in families((offers.sold(other) or frozenset()) & emr)}
    known = {family for family in europe if re.fullmatch(r"[cmr][5-8].*", family)}
    assert set(NOT_SOLD[region].split()) == known - families(offers.sold(region) or frozenset())


@pytest.mark.parametrize("label", RELEASES)
@pytest.mark.parametrize("region", REGIONS)
def test_the_region_sells_and_the_release_supports_every_default_type(region: str, label: str) -> None:
    emr = {kind["Type"]: kind for kind in releases.instance_types(label)}
    defaults = [*default_primaries(region), *default_workers(region)]
    assert [name for name in defaults if name not in (offers.sold(region) or ())] == []
    assert [name for name in defaults if vcpus(name) != emr[name]["VCPU"]] == []
    assert {emr[name]["Architecture"] for name in defaults} == {"X86_64"}


@pytest.mark.parametrize("region", REGIONS)
def test_the_region_sells_and_emr_supports_the_default_primary_nodes_of_graviton_workers(region: str) -> None:
    emr = {kind["Type"]: kind["Architecture"] for kind in releases.instance_types(RELEASES[0])}
    defaults = default_primaries(region, ["c7g.xlarge"])
    assert defaults
    assert [name for name in defaults if name not in (offers.sold(region) or ())] == []
    assert {emr[name] for name in defaults} == {"AARCH64"}


def test_the_architecture_of_each_type_is_that_of_emrs_table() -> None:
    emr = {kind["Type"]: kind["Architecture"] for kind in releases.instance_types(RELEASES[0])}
    assert {name for name, found in emr.items() if architecture(name).upper() != found} == set()
    assert {*emr.values()} == {"X86_64", "AARCH64"}


def test_the_settings_refuse_the_sizes_that_are_too_small_for_a_worker() -> None:
    emr = {kind["Type"] for kind in releases.instance_types(RELEASES[0])}
    assert {name for name in emr if not is_large_enough(name)} == {
        *("m1.small", "m1.medium", "m1.large", "c1.medium", "c4.large"),
    }
    assert {name for name in emr if name.endswith(".large") and is_large_enough(name)} == {"m4.large"}


def test_the_memory_of_yarn_follows_the_memory_that_emr_gives_the_type() -> None:
    emr = {kind["Type"]: float(kind["MemoryGB"]) for kind in releases.instance_types(RELEASES[0])}
    assert {(emr[name], memory) for name, memory in YARN_MIB.items()} == {
        (7.5, 5632), (8.0, 6144), (15.25, 11712), (16.0, 12288)
    }  # fmt: skip
