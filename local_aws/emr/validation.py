"""Validation of requests, with the messages of EMR.

The functions raise ValidationException or InvalidRequestException of moto.
"""

from __future__ import annotations

from typing import Any

from moto.emr.exceptions import InvalidRequestException, ValidationException

from local_aws.cluster import releases
from local_aws.cluster.model import SHUTTING_DOWN, Cluster

MAX_STEPS = 256
IDLE_S = (60, 604_800)
ACTIONS_ON_FAILURE = ("TERMINATE_JOB_FLOW", "TERMINATE_CLUSTER", "CANCEL_AND_WAIT", "CONTINUE")


def run_job_flow(request: dict[str, Any], security_configurations: dict[str, Any]) -> None:
    """Validate a RunJobFlow request."""
    label = request.get("ReleaseLabel")
    if not label:
        raise ValidationException(
            "Either release label or AMI version must be specified; local_aws supports release labels only"
        )
    if label not in releases.labels():
        raise ValidationException(f"The supplied release label is invalid: {label}.")
    if not request.get("ServiceRole"):
        raise ValidationException("ServiceRole is required for creating cluster.")
    if not request.get("JobFlowRole"):
        raise ValidationException("InstanceProfile is required for creating cluster.")
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
    _instances(request.get("Instances") or {}, label)
    _configurations(request.get("Configurations") or [])
    tags(request.get("Tags") or [])
    steps(request.get("Steps") or [], 0, request.get("StepConcurrencyLevel") or 1)


def steps(configs: list[dict[str, Any]], already: int, concurrency: int) -> None:
    """Validate new steps; `already` is the number of steps that the cluster has."""
    if already + len(configs) > MAX_STEPS:
        raise ValidationException(
            f"A maximum of {MAX_STEPS} steps are allowed in each job flow;"
            f" this one would have {already + len(configs)}."
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


def tags(given: list[dict[str, str]]) -> None:
    """Validate tags by the rules of AWS."""
    for tag in given:
        key = tag.get("Key") or ""
        if not key or len(key) > 128 or len(tag.get("Value") or "") > 256:
            raise ValidationException(f"Tag '{key[:130]}': a key has 1 to 128 characters and a value at most 256.")
        if key.lower().startswith("aws:"):
            raise ValidationException(f"Tag '{key}': keys that start with aws: are reserved.")


def _log_uri(uri: str | None) -> None:
    if uri and not uri.startswith(("s3://", "s3n://", "s3a://")):
        raise ValidationException(f"The specified log URI '{uri}' is not an S3 location.")


def _configurations(configurations: list[dict[str, Any]]) -> None:
    for configuration in configurations:
        if not configuration.get("Classification"):
            raise ValidationException("Classification must be specified for each configuration.")
        _configurations(configuration.get("Configurations") or [])


def _instances(instances: dict[str, Any], label: str) -> None:
    groups, fleets = instances.get("InstanceGroups"), instances.get("InstanceFleets")
    if groups and fleets:
        raise ValidationException("Cannot specify both instance groups and instance fleets.")
    if groups or fleets:
        key = "InstanceRole" if groups else "InstanceFleetType"
        masters = [group for group in groups or fleets or [] if group.get(key) == "MASTER"]
        if len(masters) != 1:
            raise ValidationException(
                f"A cluster must have exactly one MASTER instance group or fleet, found {len(masters)}."
            )
    elif not instances.get("InstanceCount") or not instances.get("MasterInstanceType"):
        raise ValidationException(
            "Instances: InstanceGroups, InstanceFleets or MasterInstanceType with InstanceCount is needed."
        )
    known = {kind["Type"] for kind in releases.instance_types(label)}
    for name in _instance_types(instances):
        if name not in known:
            raise ValidationException(f"Instance type '{name}' is not supported.")


def _instance_types(instances: dict[str, Any]) -> list[str]:
    names: list[Any] = [instances.get("MasterInstanceType"), instances.get("SlaveInstanceType")]
    names += [group.get("InstanceType") for group in instances.get("InstanceGroups") or []]
    for fleet in instances.get("InstanceFleets") or []:
        names += [kind.get("InstanceType") for kind in fleet.get("InstanceTypeConfigs") or []]
    return [name for name in names if name]
