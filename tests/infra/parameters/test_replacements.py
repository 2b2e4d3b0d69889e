"""docs/upgrade.md states which resources a change of a parameter replaces, creates or removes."""

from __future__ import annotations

import re

import pytest

from tests.infra.parameters.replacements import RESOURCES, created_or_removed, replaced
from tests.infra.stack import template
from tests.places import ROOT

SECTION = (ROOT / "docs/upgrade.md").read_text().partition("## The stack")[2].partition("\n## ")[0]
RULES = ("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress")
ROWS = {
    parameter: (set(re.findall(r"`(\w+)`", first)), set(re.findall(r"`(\w+)`", second)))
    for names, first, second in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ([^|]*) \| ([^|]*) \|$", SECTION, re.MULTILINE)
    for parameter in re.findall(r"`(\w+)`", names)
}


def without_rules(names: set[str]) -> set[str]:
    """The names without the rules of security groups, which the page names together."""
    return {name for name in names if RESOURCES[name]["Type"] not in RULES}


@pytest.mark.parametrize("parameter", template()["Parameters"])
def test_the_page_names_what_a_change_of_a_parameter_replaces(parameter: str) -> None:
    assert ROWS[parameter] == (without_rules(replaced(parameter)), created_or_removed(parameter))


def test_every_resource_with_a_name_of_its_own_gets_another_name_when_it_is_replaced() -> None:
    """CloudFormation creates the new resource before it deletes the old one: both cannot have one name."""
    named = {
        name: next(key for key in found["Properties"] if key in ("BucketName", "InstanceProfileName", "RoleName"))
        for name, found in RESOURCES.items()
        if {"BucketName", "InstanceProfileName", "RoleName"} & found.get("Properties", {}).keys()
    }
    assert named == {"Bucket": "BucketName", "NodeProfile": "InstanceProfileName"}
    assert {parameter for parameter in template()["Parameters"] if "Bucket" in replaced(parameter)} == {"BucketName"}
    assert {parameter for parameter in template()["Parameters"] if "NodeProfile" in replaced(parameter)} == set()
