"""Evaluates IAM policies by @cloud-copilot/iam-simulate, which knows AWS's actions, resources and condition keys."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.infra.stack import ACCOUNT
from tests.places import ROOT, STATE

NODE = STATE / "venv/infra/bin/node"
PACKAGES = STATE / "npm"
SCRIPT = ROOT / "tests/infra/evaluator/evaluate.cjs"


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
        Policy of the VPC endpoint that the request passes.
    """

    principal: str
    identity: Sequence[Mapping[str, Any]]
    resource: Mapping[str, Any] | None = None
    endpoint: Mapping[str, Any] | None = None

    def simulation(self, request: Request) -> dict[str, Any]:
        """Return the request in the shape of iam-simulate."""
        return {
            "request": {
                "principal": self.principal,
                "action": request.action,
                "resource": {"resource": request.resource, "accountId": ACCOUNT},
                "contextVariables": dict(request.context),
            },
            "identityPolicies": [{"name": str(i), "policy": policy} for i, policy in enumerate(self.identity)],
            "resourcePolicy": self.resource,
            "vpcEndpointPolicies": [{"name": "endpoint", "policy": self.endpoint}] if self.endpoint else [],
            "serviceControlPolicies": [],
            "resourceControlPolicies": [],
        }


def evaluate(simulations: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return `Allowed`, `ExplicitlyDenied` or `ImplicitlyDenied` for each simulation; an error as JSON."""
    if not NODE.exists() or not PACKAGES.exists():
        pytest.fail("Node.js or its packages are missing in .verger: run the tests by `make test`, which installs them")
    done = subprocess.run(
        [NODE, SCRIPT, PACKAGES],
        input=json.dumps({"simulations": list(simulations)}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return [_result(json.loads(line)) for line in done.stdout.splitlines()]


def _result(found: Mapping[str, Any]) -> str:
    if found["resultType"] != "single":
        return json.dumps(found)
    ignored = found["result"]["ignoredContextKeys"]
    return f"unknown condition keys {ignored}" if ignored else str(found["overallResult"])
