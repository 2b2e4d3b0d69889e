"""Parameters of the template, settings of Verger and the pages name each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from tests.infra.stack import Stack, template
from tests.places import ROOT
from verger.report.facts import HIDDEN
from verger.settings import Settings
from verger.settings.environment import declared
from verger.settings.fields import variable

PARAMETERS: dict[str, Any] = template()["Parameters"]
RESOURCES: dict[str, Any] = template()["Resources"]
LINES: list[Any] = template()["Outputs"]["Settings"]["Value"]["Fn::Join"][1]
DECLARED = {variable(field) for _, field, _ in declared()}
NO_SETTING = {
    *("AirflowPrincipal", "SessionManager", "CreateEmrServiceLinkedRole", "CreateSpotServiceLinkedRole"),
    *("AlarmEmail", "NoPublicationDays", "MonthlyBudget", "AllowRegionOutsideEU", "VpcId"),
}
"""Parameters without a setting. VpcId follows from the subnets."""

OF_ACCOUNT = {
    *("VERGER_BUCKET", "VERGER_REGION", "VERGER_SERVICE_ROLE", "VERGER_NODE_ROLE", "VERGER_SECURITY_CONFIGURATION"),
    *("VERGER_SUBNET_IDS", "VERGER_SNS_TOPIC"),
    *(f"VERGER_{kind}_SECURITY_GROUP" for kind in ("PRIMARY", "WORKER", "SERVICE")),
}
"""Settings whose values only the stack has."""


def texts(value: Any) -> Iterator[str]:
    """Yield the texts in an expression."""
    if isinstance(value, str):
        yield value
    for member in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        yield from texts(member)


def output() -> dict[str, str]:
    """The expressions of the output Settings, as text, by variable."""
    found = {}
    for line in LINES:
        text = " ".join(texts(line))
        (name,) = set(re.findall(r"VERGER_[A-Z_]+(?==)", text))
        found[name] = text
    return found


def test_the_output_has_the_setting_of_each_parameter_that_has_one() -> None:
    of_parameters = {
        parameter: re.findall(r"\((VERGER_\w+)\)", found["Description"]) for parameter, found in PARAMETERS.items()
    }
    assert {parameter for parameter, names in of_parameters.items() if not names} == NO_SETTING
    for parameter, names in of_parameters.items():
        for name in names:
            uses = output().get(name, "")
            assert parameter in uses or (parameter, name) == ("BucketName", "VERGER_BUCKET"), name


def test_the_output_has_only_settings_and_all_that_only_the_stack_knows() -> None:
    assert {*output()} - DECLARED == set()
    assert OF_ACCOUNT - {*output()} == set()


def test_each_setting_of_the_output_comes_from_the_stack() -> None:
    names = {*PARAMETERS, *RESOURCES, "AWS::Region"}
    for name, text in output().items():
        assert any(re.search(rf"\b{re.escape(source)}\b", text) for source in names), name


def test_a_report_shows_no_names_of_the_account() -> None:
    shown = {"VERGER_BUCKET", "VERGER_REGION"}  # they are in every URI of a report
    assert OF_ACCOUNT - shown - {f"VERGER_{name.upper()}" for name in HIDDEN} == set()


def test_values_of_parameters_reach_the_settings() -> None:
    """With other values than the defaults: a line that is missing in the output would have the default."""
    given = {"ErasureDays": "45", "MaxClusterHours": "50", "ImagesPrefix": "photos/", "Deployment": "second"}
    with mock_aws():
        settings = Settings.from_environment(Stack.create(**given).settings)
    assert settings.retention.erasure_days == 45
    assert settings.janitor.janitor_age_hours == 50
    assert settings.storage.images_prefix == "photos/"
    assert settings.janitor.deployment == "second"


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_each_parameter_is_used_and_documented(parameter: str) -> None:
    body = {name: part for name, part in template().items() if name != "Parameters"}
    used = " ".join(str(body).split())
    assert re.search(rf"'Ref': '{parameter}'|\$\{{{parameter}\}}", used)
    assert f"`{parameter}`" in (ROOT / "docs/deploy-to-aws.md").read_text()
