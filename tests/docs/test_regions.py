"""The tables of regions in the support matrix agree with the settings and with the tables that moto carries."""

from __future__ import annotations

import pytest
from moto.emr.models import emr_backends

from local_aws.cluster import offers
from tests.places import ROOT
from verger.settings import EU_REGIONS
from verger.settings.instance_types import default_primaries, default_workers, is_sold

ACCOUNT = "123456789012"
RELEASES = ("emr-spark-8.1.0", "emr-7.14.0")


def cells(region: str) -> list[list[str]]:
    """The cells of the rows that name the region in their first cell, in the order of the page."""
    lines = (ROOT / "docs/support-matrix.md").read_text().partition("## Instance types")[2].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in rows if region in row[0].split(", ")]


def types(cell: str) -> tuple[str, ...]:
    return tuple(f"{family}.xlarge" for family in cell.removesuffix(" (.xlarge)").split(", "))


@pytest.mark.parametrize("region", [region for region in EU_REGIONS if offers.sold(region)])
def test_the_row_of_a_region(region: str) -> None:
    [_, workers, primaries, not_sold], [_, releases, *_] = cells(region)
    assert (types(workers), types(primaries)) == (default_workers(region), default_primaries(region))
    sold = {name.partition(".")[0] for name in offers.sold(region) or ()}
    listed = set(not_sold.split(", ")) - {"none"}
    assert listed & sold == set()
    assert {family for family in listed if is_sold(f"{family}.xlarge", region)} == set()
    labels = emr_backends[ACCOUNT][region].list_release_labels()
    assert [label for label in RELEASES if label not in labels or f"`{label}`" not in releases] == []


def test_nothing_is_stated_about_what_the_sovereign_cloud_sells() -> None:
    [_, *first], [_, releases, *features] = cells("eusc-de-east-1")
    assert first == ["none: set the types", "none: set the types", "not known"]
    assert releases.startswith("not known")
    assert features == ["not known", "not known"]
