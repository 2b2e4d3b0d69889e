"""Commands of the AWS CLI in the documents: the operation exists in botocore, and so does each option."""

from __future__ import annotations

import re
from collections.abc import Iterator

import botocore.session
import pytest
from botocore import xform_name

from tests.docs.pages import PAGES

GLOBAL = {"region", "query", "output", "profile", "endpoint-url"}
OF_THE_CLI = {
    "cloudformation deploy": {
        "stack-name",
        "template-file",
        "capabilities",
        "tags",
        "parameter-overrides",
        "no-execute-changeset",
    },
    "emr create-default-roles": set[str](),
    "s3 cp": {"recursive"},
    "s3 sync": set[str](),
    "s3 rm": set[str](),
}
"""Commands that the CLI adds to the operations of the services, with the options that the documents use."""

COMMAND = re.compile(r"\baws ([a-z0-9]+) ([a-z0-9-]+)((?: [^|;&)]*)?)")


def commands() -> Iterator[tuple[str, str, str]]:
    """Yield page, command (service and operation) and the rest of each command."""
    for page in PAGES:
        for span in page.spans:
            for part in re.split(r'"?\$\(', span):  # a command in a command
                for service, operation, rest in COMMAND.findall(part):
                    yield str(page.path), f"{service} {operation}", rest


def options(rest: str) -> set[str]:
    """The names of the options in the arguments of a command."""
    return set(re.findall(r"(?:^| )--([a-z][a-z0-9-]*)", re.sub(r"'[^']*'|\"[^\"]*\"", "TEXT", rest)))


def known(command: str) -> set[str]:
    """The options of a command. A command that does not exist is an error."""
    if command in OF_THE_CLI:
        return OF_THE_CLI[command]
    service, _, operation = command.partition(" ")
    model = botocore.session.get_session().get_service_model({"s3api": "s3"}.get(service, service))
    names = {xform_name(name, "-"): name for name in model.operation_names}
    shape = model.operation_model(names[operation]).input_shape
    return {xform_name(member, "-") for member in (shape.members if shape else ())}


COMMANDS = sorted(set(commands()))


def test_the_documents_have_commands_of_aws() -> None:
    assert len(COMMANDS) > 20


@pytest.mark.parametrize(("page", "command", "rest"), COMMANDS, ids=[f"{page}: {name}" for page, name, _ in COMMANDS])
def test_a_command_and_its_options_exist(page: str, command: str, rest: str) -> None:
    assert options(rest) - known(command) - GLOBAL == set(), page
