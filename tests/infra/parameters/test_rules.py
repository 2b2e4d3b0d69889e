"""The rules of the template refuse parameters before anything is created.

moto 5.2.5 ignores rules: they are evaluated here, with the meaning that AWS documents for each function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.infra.stack import REGION, REQUIRED, template
from verger.settings import EU_REGIONS

PARAMETERS = template()["Parameters"]
LISTS = {name for name, found in PARAMETERS.items() if found["Type"] == "CommaDelimitedList"}


FUNCTIONS: dict[str, Callable[[list[Any]], bool]] = {
    "Fn::Equals": lambda given: given[0] == given[1],
    "Fn::Contains": lambda given: given[1] in given[0],
    "Fn::EachMemberEquals": lambda given: all(member == given[1] for member in given[0]),
    "Fn::Not": lambda given: not given[0],
    "Fn::Or": any,
}
"""The functions of the rules by their evaluated arguments. Another one is a KeyError."""


def evaluated(expression: Any, values: dict[str, Any]) -> Any:
    """Return the value of an expression of a rule."""
    if not isinstance(expression, dict):
        return expression
    ((name, given),) = expression.items()
    return values[given] if name == "Ref" else FUNCTIONS[name]([evaluated(one, values) for one in given])


def refusals(region: str = REGION, **given: str) -> list[str]:
    """Return the description of each assertion that does not hold."""
    texts = {name: found.get("Default", "") for name, found in PARAMETERS.items()} | REQUIRED | given
    values = {name: text.split(",") if name in LISTS else text for name, text in texts.items()}
    values["AWS::Region"] = region
    return [
        assertion["AssertDescription"]
        for rule in template()["Rules"].values()
        for assertion in rule["Assertions"]
        if not evaluated(assertion["Assert"], values)
    ]


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({}, None),
        ({"VpcId": "vpc-0a1", "SubnetIds": "subnet-0a1"}, None),
        ({"VpcId": "vpc-0a1", "SubnetIds": "subnet-0a1,subnet-0b2"}, None),
        ({"VpcId": "vpc-0a1"}, "VpcId needs SubnetIds"),
        ({"SubnetIds": "subnet-0a1"}, "SubnetIds needs VpcId"),
        ({"SubnetIds": "subnet-0a1,subnet-0b2"}, "SubnetIds needs VpcId"),
    ],
)
def test_vpc_and_subnets_are_set_together(given: dict[str, str], refused: str | None) -> None:
    found = refusals(**given)
    assert len(found) == (refused is not None)
    assert refused is None or found[0].startswith(refused)


def test_a_list_without_members_counts_as_empty() -> None:
    """AWS does not say whether an empty list parameter has no member or an empty one."""
    values = {"VpcId": "", "SubnetIds": []}
    rule = template()["Rules"]["VpcWithSubnets"]
    assert all(evaluated(assertion["Assert"], values) for assertion in rule["Assertions"])


@pytest.mark.parametrize("region", [*EU_REGIONS, "us-east-1", "eu-west-2", "eu-central-2"])
def test_a_region_outside_the_eu_needs_a_parameter(region: str) -> None:
    assert bool(refusals(region)) == (region not in EU_REGIONS)
    assert refusals(region, AllowRegionOutsideEU="true") == []
