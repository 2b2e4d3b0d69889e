"""No part of a role's policies is superfluous: without it, or with a wider one, a case of `test_rights` fails."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from local_aws.iam.evaluator import Request
from tests.infra.stack import Stack
from tests.infra.test_rights import CASES, EXPECTED, NAMED, policies_of, with_context

Identity = Sequence[Mapping[str, Any]]
Change = Callable[[list[dict[str, Any]], int], object]


def changed(identity: Identity) -> Iterator[tuple[str, Identity]]:
    """Yield copies of the policies of a role, each with one change, and what was changed."""
    for number, policy in enumerate(identity):
        for position, statement in enumerate(policy["Statement"]):
            for what, change in changes(statement):
                copied = copy.deepcopy(list(identity))
                change(copied[number]["Statement"], position)
                yield f"{statement['Sid']}: {what}", copied


def changes(statement: Mapping[str, Any]) -> Iterator[tuple[str, Change]]:
    """Yield the changes of one statement: removed, with every resource, without a part of a list, or a condition."""
    yield "removed", remove
    if statement["Resource"] != "*":
        yield "every resource", partial(update, {"Resource": "*"})
    for element in ("Action", "Resource"):
        parts = statement[element]
        for part in parts if isinstance(parts, list) else []:
            yield f"without {part}", partial(update, {element: [other for other in parts if other != part]})
    for operator, keys in statement.get("Condition", {}).items():
        for key in keys:
            others = {other: keys[other] for other in keys if other != key}
            yield f"without {key}", partial(update, {"Condition": {operator: others}})


def remove(statements: list[dict[str, Any]], position: int) -> None:
    """Remove a statement."""
    del statements[position]


def update(elements: dict[str, Any], statements: list[dict[str, Any]], position: int) -> None:
    """Replace elements of a statement."""
    statements[position] |= elements


@pytest.mark.parametrize("role", EXPECTED)
def test_every_part_of_the_policies_is_needed(stack: Stack, role: str) -> None:
    names = {name: stack.name(name) for name in NAMED}
    requests = [
        (Request(request.action, request.resource.format(**names), request.context), expected)
        for of_role, request, expected in CASES
        if of_role == role
    ]
    cases = [
        (policies_of(stack, role, request), with_context(role, request), expected) for request, expected in requests
    ]
    changes_of_role = list(changed(stack.policies(role)))
    unnoticed = [
        what
        for what, identity in changes_of_role
        if all(replace(found, identity=identity).decision(request) == expected for found, request, expected in cases)
    ]
    assert len(changes_of_role) > 10
    assert unnoticed == []
