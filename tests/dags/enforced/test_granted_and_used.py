"""The actions that the policies grant, compared both ways with those that the runs use."""

from __future__ import annotations

import pytest

from local_aws.iam.account import AIRFLOW, NODES
from tests.dags.enforced.conftest import Runs
from tests.places import of_long_form

pytestmark = of_long_form

BY_SERVICES = "kms:{0} is used by EC2 and EBS for the disks of a node, as AWS documents it"
NOT_IN_THESE_RUNS = {
    AIRFLOW: {
        "sns:Publish": "local_aws has no SNS; the notifier runs in tests/plugins/notifications",
        "s3:DeleteObject": "vacuum in a bucket without versions; here it deletes versions",
        "elasticmapreduce:CancelSteps": "a step over its time limit, or a task that a user stops",
        "elasticmapreduce:PutManagedScalingPolicy": "RunJobFlow with VERGER_SCALE_UP_TO",
    },
    NODES: {
        "s3:AbortMultipartUpload": "an upload that fails",
        "s3:ListMultipartUploadParts": "EMR's committer, as AWS documents it",
        **{
            f"kms:{name}": BY_SERVICES.format(name)
            for name in ("Encrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKeyWithoutPlaintext", "DescribeKey")
        },
    },
}
"""Granted actions that no run of this folder uses, and what uses them."""


def granted(runs: Runs, role: str) -> set[str]:
    """Return the actions that the policies of a role allow."""
    found: set[str] = set()
    for policy in runs.enforced.account.principals[role].policies:
        for statement in policy["Statement"]:
            actions = statement["Action"]
            found |= {actions} if isinstance(actions, str) else {*actions}
    return found


@pytest.mark.parametrize("role", [AIRFLOW, NODES])
def test_every_granted_action_is_used_or_explained(runs: Runs, role: str) -> None:
    used = {decision.action for decision in runs.decisions if decision.principal == role}
    explained = {*NOT_IN_THESE_RUNS[role]}
    assert granted(runs, role) - used == explained
    assert used <= granted(runs, role)
