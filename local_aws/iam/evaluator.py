"""Evaluates the IAM policies that decide about a request.

The rules are those of "Policy evaluation logic" and "IAM JSON policy elements" in AWS's IAM User Guide, for a role and
a resource of the same account. A part of a statement that is not implemented is an error, so no policy is evaluated
wrongly without notice. cfn-lint checks the names of actions, resources and condition keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

ALLOWED, REFUSED, FORBIDDEN = "Allowed", "ImplicitlyDenied", "ExplicitlyDenied"
ELEMENTS = {"Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
POLICY_VARIABLE = "${"


@dataclass(frozen=True)
class Request:
    """A request to AWS.

    Attributes
    ----------
    action, resource : str
        For example `s3:GetObject`, and an ARN.
    context : mapping
        Values of condition keys.
    """

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        words = [
            self.action,
            self.resource.rpartition(":")[2],
            *(f"{key}={value}" for key, value in self.context.items()),
        ]
        return " ".join(words)


@dataclass(frozen=True)
class Policies:
    """The policies that decide about a request.

    Attributes
    ----------
    principal : str
        ARN of the role.
    identity : sequence of mapping
        Policies of the role.
    resource : mapping or None
        Policy of the resource.
    endpoint : mapping or None
        Policy of the VPC endpoint by which the request reaches AWS.
    """

    principal: str
    identity: Sequence[Mapping[str, Any]]
    resource: Mapping[str, Any] | None = None
    endpoint: Mapping[str, Any] | None = None

    def decision(self, request: Request) -> str:
        """Return ALLOWED, REFUSED (no statement allows it) or FORBIDDEN (a statement denies it)."""
        own = [statement for policy in self.identity for statement in _statements(policy)]
        effects = [_effects([*own, *self._of_principal(self.resource)], request)]
        if self.endpoint is not None:
            effects.append(_effects(self._of_principal(self.endpoint), request))
        if any("Deny" in found for found in effects):
            return FORBIDDEN
        return ALLOWED if all("Allow" in found for found in effects) else REFUSED

    def _of_principal(self, policy: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
        """Yield the statements of a policy of a resource that concern the role."""
        for statement in _statements(policy) if policy else ():
            principals = statement["Principal"]
            named = ["*"] if principals == "*" else _listed(principals.get("AWS", []))
            if any(name in ("*", self.principal) for name in named):
                yield statement


def _effects(statements: Iterable[Mapping[str, Any]], request: Request) -> set[str]:
    return {str(statement["Effect"]) for statement in statements if _applies(statement, request)}


def _statements(policy: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = policy["Statement"]
    statements: list[Mapping[str, Any]] = found if isinstance(found, list) else [found]
    for statement in statements:
        if statement.keys() - ELEMENTS or POLICY_VARIABLE in str(statement):
            raise NotImplementedError(f"statement {statement}")
    return statements


def _applies(statement: Mapping[str, Any], request: Request) -> bool:
    return (
        _selects(statement, "Action", request.action.lower(), str.lower)
        and _selects(statement, "Resource", request.resource, str)
        and all(
            _holds(operator, key, _listed(values), request.context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _selects(statement: Mapping[str, Any], element: str, value: str, normal: Any) -> bool:
    if f"Not{element}" in statement:
        return not _matches(map(normal, _listed(statement[f"Not{element}"])), value)
    return _matches(map(normal, _listed(statement[element])), value)


def _holds(operator: str, key: str, expected: Sequence[str], context: Mapping[str, str]) -> bool:
    """Return whether a condition holds. A key that is not in the request fails every operator that is not negated."""
    value = {name.lower(): found for name, found in context.items()}.get(key.lower())
    if operator == "Null":
        return (value is None) == (expected == ["true"])
    name = operator.removesuffix("IfExists").removeprefix("ForAnyValue:")
    if value is None:
        return operator.endswith("IfExists") or "Not" in name
    return OPERATORS[name](expected, value)


def _matches(patterns: Iterable[str], value: str) -> bool:
    """Return whether a value matches one of the patterns, in which `*` and `?` are wildcards."""
    expressions = (re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".") for pattern in patterns)
    return any(re.fullmatch(expression, value, re.DOTALL) for expression in expressions)


OPERATORS: dict[str, Callable[[Sequence[str], str], bool]] = {
    "StringEquals": lambda expected, value: value in expected,
    "StringNotEquals": lambda expected, value: value not in expected,
    "StringLike": _matches,
    "StringNotLike": lambda expected, value: not _matches(expected, value),
    "ArnEquals": _matches,
    "ArnLike": _matches,
    "ArnNotLike": lambda expected, value: not _matches(expected, value),
    "Bool": lambda expected, value: value.lower() in [one.lower() for one in expected],
}
"""The condition operators of the policies. Another one is a KeyError."""


def _listed(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]
