"""Operations on the attributes of a cluster: tags, auto-termination, managed scaling."""

from __future__ import annotations

from local_aws.emr import validation
from local_aws.emr.operations.request import Answer, Request, changeable, find_cluster
from local_aws.emr.service import Service


def add_tags(service: Service, request: Request) -> Answer:
    """Add tags to a cluster."""
    cluster = find_cluster(service, request["ResourceId"])
    validation.tags(request["Tags"], cluster.tags)
    cluster.tags.update({tag["Key"]: tag.get("Value") or "" for tag in request["Tags"]})
    service.save(cluster)
    return None


def remove_tags(service: Service, request: Request) -> Answer:
    """Remove tags from a cluster."""
    cluster = find_cluster(service, request["ResourceId"])
    for key in request["TagKeys"]:
        cluster.tags.pop(key, None)
    service.save(cluster)
    return None


def put_auto_termination_policy(service: Service, request: Request) -> Answer:
    """Set the idle timeout of a cluster."""
    cluster = changeable(service, request["ClusterId"])
    validation.auto_termination(request.get("AutoTerminationPolicy"))
    cluster.idle_timeout = request["AutoTerminationPolicy"]["IdleTimeout"]
    service.save(cluster)
    return None


def get_auto_termination_policy(service: Service, request: Request) -> Answer:
    """Return the idle timeout of a cluster."""
    timeout = find_cluster(service, request["ClusterId"]).idle_timeout
    return {"AutoTerminationPolicy": {"IdleTimeout": timeout}} if timeout is not None else {}


def remove_auto_termination_policy(service: Service, request: Request) -> Answer:
    """Remove the idle timeout of a cluster."""
    cluster = changeable(service, request["ClusterId"])
    cluster.idle_timeout = None
    service.save(cluster)
    return None


def put_managed_scaling_policy(service: Service, request: Request) -> Answer:
    """Set the managed scaling policy of a cluster."""
    cluster = changeable(service, request["ClusterId"])
    cluster.managed_scaling = request["ManagedScalingPolicy"]
    service.save(cluster)
    return None


def get_managed_scaling_policy(service: Service, request: Request) -> Answer:
    """Return the managed scaling policy of a cluster."""
    policy = find_cluster(service, request["ClusterId"]).managed_scaling
    return {"ManagedScalingPolicy": policy} if policy else {}


def remove_managed_scaling_policy(service: Service, request: Request) -> Answer:
    """Remove the managed scaling policy of a cluster."""
    cluster = changeable(service, request["ClusterId"])
    cluster.managed_scaling = None
    service.save(cluster)
    return None
