"""Which resources CloudFormation replaces when a parameter of the template changes, by the schemas of their types.

A resource is replaced when a property that can only be set at its creation gets another value. The value changes with
a parameter, with a condition, and with the name of another resource that is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from tests.infra.stack import REGION, template

RESOURCES: dict[str, Any] = template()["Resources"]
CONDITIONS: dict[str, Any] = template()["Conditions"]


def replaced(parameter: str) -> set[str]:
    """Return the resources that a change of the parameter replaces."""
    found: set[str] = set()
    while more := {name for name in RESOURCES if name not in found and _is_replaced(name, {parameter} | found)}:
        found |= more
    return found


def created_or_removed(parameter: str) -> set[str]:
    """Return the resources that exist under a condition that depends on the parameter."""
    return {
        name
        for name, resource in RESOURCES.items()
        if "Condition" in resource and parameter in set(_names(CONDITIONS[resource["Condition"]]))
    }


def _is_replaced(name: str, changed: set[str]) -> bool:
    properties = RESOURCES[name].get("Properties", {})
    return any(changed & set(_names(_at(properties, path))) for path in _fixed(RESOURCES[name]["Type"]))


def _fixed(kind: str) -> Iterator[list[str]]:
    """Yield the paths of the properties that only a creation sets."""
    for found in PROVIDER_SCHEMA_MANAGER.get_resource_schemas_by_regions(kind, [REGION]):
        for path in found[1].schema.get("createOnlyProperties", ()):
            yield path.removeprefix("/properties/").split("/")


def _at(value: Any, path: list[str]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _names(value: Any) -> Iterator[str]:
    """Yield the parameters and resources in an expression, with those of its conditions."""
    if isinstance(value, list):
        for member in value:
            yield from _names(member)
    elif isinstance(value, dict):
        for name, given in value.items():
            if name == "Ref":
                yield given
            elif name in ("Condition", "Fn::Condition"):
                yield from _names(CONDITIONS[given])
            elif name == "Fn::GetAtt":
                yield given[0] if isinstance(given, list) else given.partition(".")[0]
            elif name == "Fn::Sub":
                yield from re.findall(r"\$\{(\w+)", given if isinstance(given, str) else given[0])
            elif name == "Fn::If":
                yield from _names([CONDITIONS[given[0]], *given[1:]])
            else:
                yield from _names(given)
