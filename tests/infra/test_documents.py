"""docs/deploy-to-aws.md states what the template has."""

from __future__ import annotations

import re

from tests.infra.stack import template
from tests.infra.test_actions_of_the_code import granted
from tests.places import ROOT

PAGE = (ROOT / "docs/deploy-to-aws.md").read_text()


def test_the_page_lists_every_parameter_with_its_default() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ([^|]+) \|", PAGE.partition("## Parameters")[2], re.MULTILINE)
    documented = {name: default for names, default in rows for name in re.findall(r"`(\w+)`", names)}
    shown = {
        name: f"`{found['Default']}`" if found.get("Default") else "*empty*" if "Default" in found else "*required*"
        for name, found in template()["Parameters"].items()
    }
    assert documented == shown


def test_the_commands_name_parameters_of_the_template() -> None:
    for page in ("README.md", "docs/deploy-to-aws.md"):
        text = (ROOT / page).read_text()
        (line,) = (line.strip() for line in text.splitlines() if "aws cloudformation deploy" in line)
        _, _, overrides = line.partition("--parameter-overrides ")
        names = {override.partition("=")[0] for override in overrides.split()}
        required = {name for name, found in template()["Parameters"].items() if "Default" not in found}
        assert required <= names <= {*template()["Parameters"]}
        assert "--template-file infra/verger.yaml" in line


def test_the_page_lists_every_action_of_airflow_the_nodes_and_the_check() -> None:
    sections = {
        "AirflowRole": "## Rights of Airflow",
        "NodeRole": "## Rights of the nodes",
        "DeploymentCheckPolicy": "## Rights of the check",
    }
    for role, heading in sections.items():
        section = PAGE.partition(heading)[2].partition("\n## ")[0]
        actions = {action.partition(":")[2] for action in granted(role) if not action.startswith("kms:")}
        assert {action for action in actions if not re.search(rf"[`:]{action}`", section)} == set()


def test_the_outputs_that_the_commands_read_exist() -> None:
    assert {*re.findall(r"OutputKey=='(\w+)'", PAGE)} <= {*template()["Outputs"]}
