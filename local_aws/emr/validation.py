"""Validation of requests, with the messages of EMR as far as public reports quote them.

The functions raise ValidationException or InvalidRequestException of moto.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from moto.emr.exceptions import InvalidRequestException, ValidationException

from local_aws.cluster import classifications, releases
from local_aws.cluster.account import Account
from local_aws.cluster.model import SHUTTING_DOWN, STEP_ENDED, Cluster
from local_aws.emr import hardware

MAX_STEPS = 256
#: EMR applies EC2's rules for tags.
MAX_TAGS = 50
TAG_TEXT = re.compile(r"[\w\s.:/=+\-@]*")
IDLE_S = (60, 604_800)
ACTIONS_ON_FAILURE = ("TERMINATE_JOB_FLOW", "TERMINATE_CLUSTER", "CANCEL_AND_WAIT", "CONTINUE")


def run_job_flow(request: dict[str, Any], security_configurations: dict[str, Any], account: Account) -> None:
    """Validate a RunJobFlow request of the account."""
    label = request.get("ReleaseLabel")
    if not label:
        raise ValidationException(
            "Either release label or AMI version must be specified; local_aws supports release labels only"
        )
    if label not in releases.labels():
        raise ValidationException(f"The supplied release label is invalid: {label}.")
    _roles(request, account)
    for application in request.get("Applications") or []:
        if application.get("Name") not in releases.applications(label):
            raise ValidationException(
                f"Specified application: {application.get('Name')} is invalid or not supported for release {label}."
            )
    name = request.get("SecurityConfiguration")
    if name and name not in security_configurations:
        raise InvalidRequestException(f"Security configuration with name '{name}' does not exist.")
    if (level := request.get("StepConcurrencyLevel")) is not None:
        step_concurrency(level)
    if "AutoTerminationPolicy" in request:
        auto_termination(request["AutoTerminationPolicy"])
    _log_uri(request.get("LogUri"))
    hardware.instances(request.get("Instances") or {}, label, account)
    _configurations(request.get("Configurations") or [])
    tags(request.get("Tags") or [])
    steps(request.get("Steps") or [], 0, request.get("StepConcurrencyLevel") or 1)


def _roles(request: dict[str, Any], account: Account) -> None:
    role, profile = request.get("ServiceRole"), request.get("JobFlowRole")
    if not role:
        raise ValidationException("ServiceRole is required for creating cluster.")
    if not profile:
        raise ValidationException("InstanceProfile is required for creating cluster.")
    # An ARN ends in the name, after a path.
    if role.rpartition("/")[2] not in account.roles:
        raise ValidationException(f"Service role {role} is invalid.")
    if profile.rpartition("/")[2] not in account.instance_profiles:
        raise ValidationException(f"Invalid InstanceProfile: {profile}.")


def active_steps(cluster: Cluster) -> int:
    """Return the number of steps that have not ended. A cluster may have any number of ended steps."""
    return sum(step.state not in STEP_ENDED for step in cluster.steps)


def steps(configs: list[dict[str, Any]], active: int, concurrency: int) -> None:
    """Validate new steps; `active` is the number of steps of the cluster that have not ended."""
    if active + len(configs) > MAX_STEPS:
        raise ValidationException(
            f"A maximum of {MAX_STEPS} steps can be pending or running at any given time;"
            f" this job flow would have {active + len(configs)}."
        )
    for config in configs:
        action = config.get("ActionOnFailure") or "TERMINATE_JOB_FLOW"
        if action not in ACTIONS_ON_FAILURE:
            raise ValidationException(
                f"1 validation error detected: Value '{action}' at 'steps.1.member.actionOnFailure' failed to satisfy"
                f" constraint: Member must satisfy enum value set: [{', '.join(ACTIONS_ON_FAILURE)}]"
            )
        if concurrency > 1 and action != "CONTINUE":
            raise ValidationException(
                f"The ActionOnFailure setting {action} is not valid when the step concurrency level is greater than 1;"
                " use CONTINUE."
            )
        if not (config.get("HadoopJarStep") or {}).get("Jar"):
            raise ValidationException(f"Step '{config.get('Name')}': HadoopJarStep.Jar must not be empty.")


def step_concurrency(level: int) -> None:
    """Validate a step concurrency: 1 to 256."""
    if not 1 <= level <= 256:
        raise ValidationException(f"StepConcurrencyLevel must be between 1 and 256, found {level}.")


def auto_termination(policy: dict[str, Any] | None) -> None:
    """Validate an idle timeout: a minute to a week, in seconds."""
    timeout = (policy or {}).get("IdleTimeout")
    if timeout is None or not IDLE_S[0] <= timeout <= IDLE_S[1]:
        raise ValidationException(
            f"AutoTerminationPolicy IdleTimeout must be between {IDLE_S[0]} and {IDLE_S[1]} seconds, found {timeout}."
        )


def modifiable(cluster: Cluster) -> None:
    """Raise ValidationException for a cluster that ends or has ended."""
    if cluster.state in SHUTTING_DOWN or cluster.ending is not None:
        raise ValidationException("A job flow that is shutting down, terminated, or finished may not be modified.")


def tags(given: list[dict[str, str]], present: Collection[str] = ()) -> None:
    """Validate tags by the rules of AWS; `present` are the keys that the cluster has already."""
    count = len({*present, *(tag.get("Key") or "" for tag in given)})
    if count > MAX_TAGS:
        raise ValidationException(f"A cluster may have at most {MAX_TAGS} tags; this one would have {count}.")
    for tag in given:
        key = tag.get("Key") or ""
        if not key or len(key) > 128 or len(tag.get("Value") or "") > 256:
            raise ValidationException(f"Tag '{key[:130]}': a key has 1 to 128 characters and a value at most 256.")
        if not TAG_TEXT.fullmatch(key) or not TAG_TEXT.fullmatch(tag.get("Value") or ""):
            raise ValidationException(
                f"Tag '{key}': keys and values have letters, digits, white space and _ . : / = + - @ only."
            )
        if key.lower().startswith("aws:"):
            raise ValidationException(f"Tag '{key}': keys that start with aws: are reserved.")


def _log_uri(uri: str | None) -> None:
    if uri and not uri.startswith(("s3://", "s3n://", "s3a://")):
        raise ValidationException(f"The specified log URI '{uri}' is not an S3 location.")


def _configurations(configurations: list[dict[str, Any]], parent: str | None = None) -> None:
    for configuration in configurations:
        name = configuration.get("Classification")
        if not name:
            raise ValidationException("Classification must be specified for each configuration.")
        if not classifications.is_valid(name, parent):
            raise ValidationException(
                f"Classification '{name}' is not valid for parent classification '{parent or 'null'}'."
            )
        _configurations(configuration.get("Configurations") or [], name)
