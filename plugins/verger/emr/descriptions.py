"""What EMR's descriptions of clusters and steps mean. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_emr.type_defs import ClusterStatusTypeDef, StepSummaryTypeDef

LOSS_CODES = frozenset({"INTERNAL_ERROR", "INSTANCE_FAILURE", "INSTANCE_FLEET_TIMEOUT"})
"""EMR's codes (ClusterStateChangeReason) for an end that another cluster may not have: a node or EMR itself failed, or
EC2 had no capacity.

The others: USER_REQUEST is also the code of the idle timeout. STEP_FAILURE and ALL_STEPS_COMPLETED follow from the
request. VALIDATION_ERROR and BOOTSTRAP_FAILURE would occur again.
"""

OPENLINEAGE = "spark.openlineage."
"""Prefix of the options that the provider adds to a step when OpenLineage is configured. They differ in each try."""


@dataclass(frozen=True)
class ClusterStep:
    """A step of a cluster.

    Attributes
    ----------
    id, name, state : str
    jar : str
    arguments : tuple of str
        Without the options of OpenLineage.
    """

    id: str
    name: str
    state: str
    jar: str
    arguments: tuple[str, ...]

    @classmethod
    def of(cls, summary: StepSummaryTypeDef) -> ClusterStep:
        """Return the step of an entry of ListSteps."""
        config = summary["Config"]
        arguments = _without_openlineage(config.get("Args", ()))
        return cls(summary["Id"], summary["Name"], summary["Status"]["State"], config["Jar"], arguments)

    def has_command_of(self, request: Mapping[str, Any]) -> bool:
        """Return whether the step runs the same command as a step in the shape of AddJobFlowSteps."""
        command = request["HadoopJarStep"]
        return (self.jar, self.arguments) == (command["Jar"], _without_openlineage(command.get("Args", ())))


def _without_openlineage(arguments: Sequence[str]) -> tuple[str, ...]:
    added = {place for place, word in enumerate(arguments) if word.startswith(OPENLINEAGE)}
    return tuple(word for place, word in enumerate(arguments) if not {place, place + 1} & added)


def is_loss(status: ClusterStatusTypeDef) -> bool:
    """Return whether a cluster has ended, or is ending, although no user or request wanted it.

    Parameters
    ----------
    status : dict
        `Cluster.Status` in the answer of DescribeCluster.

    Examples
    --------
    >>> is_loss({"State": "TERMINATED_WITH_ERRORS", "StateChangeReason": {"Code": "INSTANCE_FAILURE"}})
    True
    >>> is_loss({"State": "TERMINATED", "StateChangeReason": {"Code": "USER_REQUEST"}})
    False
    """
    ending = status["State"] in {"TERMINATING", "TERMINATED_WITH_ERRORS"}
    return ending and status.get("StateChangeReason", {}).get("Code") in LOSS_CODES
