"""The instance types of the settings agree with the tables of EC2 and EMR that moto carries."""

from __future__ import annotations

import re

import pytest

from local_aws.cluster import offers, releases
from verger.settings import EU_REGIONS
from verger.settings.instance_types import NOT_SOLD, YARN_MIB, default_primaries, default_workers, vcpus

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


def test_the_memory_of_yarn_follows_the_memory_that_emr_gives_the_type() -> None:
    emr = {kind["Type"]: float(kind["MemoryGB"]) for kind in releases.instance_types(RELEASES[0])}
    assert {(emr[name], memory) for name, memory in YARN_MIB.items()} == {
        (7.5, 5632), (8.0, 6144), (15.25, 11712), (16.0, 12288)
    }  # fmt: skip
