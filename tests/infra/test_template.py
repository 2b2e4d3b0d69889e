"""The template itself: tags, regions, size, retention, and that it demands no header."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from tests.infra.stack import REGION, TEMPLATE, template
from verger.settings import EU_REGIONS
from verger.settings.environment import declared
from verger.settings.storage import OWN_PREFIXES

LARGEST_BODY = 51_200
"""Bytes of a template that `aws cloudformation deploy` sends without a bucket of its own."""

MANAGED = {"Key": "for-use-with-amazon-emr-managed-policies", "Value": "true"}

RESOURCES: dict[str, Any] = template()["Resources"]
PARAMETERS: dict[str, Any] = template()["Parameters"]
TAGS = ("Tags", "ResourceTags")


def taggable(kind: str) -> str | None:
    """Return the property that holds the tags of a resource, by CloudFormation's schema of its type."""
    (schema,) = {
        found.schema["typeName"]: found.schema
        for _, found in PROVIDER_SCHEMA_MANAGER.get_resource_schemas_by_regions(kind, [REGION])
    }.values()
    return next((name for name in TAGS if name in schema["properties"]), None)


@pytest.mark.parametrize("name", RESOURCES)
def test_every_taggable_resource_is_tagged(name: str) -> None:
    holds_tags = taggable(RESOURCES[name]["Type"])
    if holds_tags:
        assert {"Key": "verger", "Value": "stack"} in RESOURCES[name]["Properties"][holds_tags]


def test_only_these_types_have_no_tags() -> None:
    assert {found["Type"] for found in RESOURCES.values() if not taggable(found["Type"])} == {
        *("AWS::EC2::SecurityGroupEgress", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SubnetRouteTableAssociation"),
        *("AWS::IAM::InstanceProfile", "AWS::IAM::ManagedPolicy", "AWS::IAM::ServiceLinkedRole"),
        "AWS::EMR::SecurityConfiguration",
        *("AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy", "AWS::SNS::Subscription"),
    }


def test_the_network_has_the_tag_that_emrs_managed_policy_requires() -> None:
    groups = {name for name, found in RESOURCES.items() if found["Type"] == "AWS::EC2::SecurityGroup"}
    for name in {"Vpc", "SubnetA", "SubnetB"} | groups - {"EndpointSecurityGroup"}:
        assert MANAGED in RESOURCES[name]["Properties"]["Tags"], name


def test_the_template_fits_in_a_request() -> None:
    assert len(TEMPLATE.read_bytes()) <= LARGEST_BODY


def test_the_rule_refuses_the_regions_that_the_settings_refuse() -> None:
    (assertion,) = template()["Rules"]["RegionInEU"]["Assertions"]
    switched_off, in_eu = assertion["Assert"]["Fn::Or"]
    assert switched_off == {"Fn::Equals": [{"Ref": "AllowRegionOutsideEU"}, "true"]}
    assert in_eu == {"Fn::Contains": [[*EU_REGIONS], {"Ref": "AWS::Region"}]}
    assert PARAMETERS["AllowRegionOutsideEU"]["Default"] == "false"


def test_no_resource_leads_to_the_internet_or_opens_ssh() -> None:
    kinds = {found["Type"] for found in RESOURCES.values()}
    assert not kinds & {"AWS::EC2::NatGateway", "AWS::EC2::InternetGateway", "AWS::EC2::EIP", "AWS::EC2::Route"}
    assert "0.0.0.0/0" not in json.dumps(
        [found["Properties"].get("SecurityGroupIngress") for found in RESOURCES.values()]
        + [found for found in RESOURCES.values() if found["Type"].endswith("Ingress")]
    )


def test_photos_and_their_key_stay_when_the_stack_is_deleted() -> None:
    for name in ("Bucket", "Key"):
        assert (RESOURCES[name]["DeletionPolicy"], RESOURCES[name]["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_no_policy_demands_an_encryption_header() -> None:
    assert "x-amz-server-side-encryption" not in TEMPLATE.read_text()


def test_the_lifecycle_deletes_no_data_that_a_snapshot_may_name() -> None:
    rules = RESOURCES["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    expiring = [rule["Prefix"] for rule in rules if {"ExpirationInDays", "ExpirationDate"} & {*rule}]
    assert expiring == ["logs/"]
    assert {rule["Status"] for rule in rules} == {"Enabled"}


@pytest.mark.parametrize(
    ("parameter", "setting"),
    [
        ("ErasureDays", "erasure_days"),
        ("MaxClusterHours", "janitor_age_hours"),
        ("ImagesPrefix", "images_prefix"),
        ("Deployment", "deployment"),
    ],
)
def test_a_parameter_has_the_default_and_the_limits_of_its_setting(parameter: str, setting: str) -> None:
    (field,) = (field for _, field, _ in declared() if field.name == setting)
    found = PARAMETERS[parameter]
    assert found["Default"] == field.default
    assert f"(VERGER_{setting.upper()})" in found["Description"]
    if found["Type"] == "Number":
        assert f"{found['MinValue']} to {found['MaxValue']}" == field.metadata["expected"]


@pytest.mark.parametrize(
    ("parameter", "setting", "accepted", "refused"),
    [
        ("BucketName", "bucket", ["orchard", "my-bucket-7"], ["my.bucket", "Orchard", "-orchard", "ab", "a" * 64]),
        (
            "ImagesPrefix",
            "images_prefix",
            ["images/", "a/b c/", "été/"],
            ["images", "/images/", *OWN_PREFIXES, "runs/x/"],
        ),
        ("Deployment", "deployment", ["", "second", "a:b/c=d+e@f_g-h.i"], ["two words", "x" * 201]),
    ],
)
def test_a_parameter_accepts_the_values_of_its_setting(
    parameter: str, setting: str, accepted: list[str], refused: list[str]
) -> None:
    (field,) = (field for _, field, _ in declared() if field.name == setting)
    pattern = re.compile(PARAMETERS[parameter]["AllowedPattern"])
    for accepts in (pattern.fullmatch, field.metadata["check"]):
        assert [value for value in accepted if not accepts(value)] == []
        assert [value for value in refused if accepts(value)] == []
