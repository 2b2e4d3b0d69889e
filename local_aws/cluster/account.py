"""The IAM roles, instance profiles and subnets of the account.

They are those that `aws emr create-default-roles` creates, and one default subnet for each availability zone. The file
`account.json` in the state folder adds others: {"roles": [...], "instance_profiles": [...], "subnets": [...]}.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

ROLES = frozenset({"EMR_DefaultRole", "EMR_DefaultRole_V2", "EMR_AutoScaling_DefaultRole"})
INSTANCE_PROFILES = frozenset({"EMR_EC2_DefaultRole"})
SUBNETS = frozenset({"subnet-0a000000000000001", "subnet-0b000000000000002", "subnet-0c000000000000003"})
FILE = "account.json"


@dataclass(frozen=True)
class Account:
    """What a RunJobFlow request may name.

    Attributes
    ----------
    region : str
    roles, instance_profiles : frozenset of str
        Names, without path and ARN.
    subnets : frozenset of str
        Subnet ids.
    """

    region: str
    roles: frozenset[str] = ROLES
    instance_profiles: frozenset[str] = INSTANCE_PROFILES
    subnets: frozenset[str] = SUBNETS

    @classmethod
    def load(cls, state: Path, region: str) -> Account:
        """Return the account of the stack in the folder `state`."""
        path = state / FILE
        more: dict[str, list[str]] = json.loads(path.read_text()) if path.exists() else {}
        return cls(
            region,
            ROLES | {*more.get("roles", [])},
            INSTANCE_PROFILES | {*more.get("instance_profiles", [])},
            SUBNETS | {*more.get("subnets", [])},
        )
