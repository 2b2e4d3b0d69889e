"""The operations of the EMR API: one function each, request in, answer out, both in EMR's shapes.

Names are EMR's in snake case; `OPERATIONS` maps an operation's name to its function.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any

from moto.emr.exceptions import InvalidRequestException, ValidationException

from local_aws import releases, validation, views
from local_aws.creation import build_cluster, build_groups, build_step
from local_aws.model import (
    SHUTTING_DOWN,
    STEP_ENDED,
    Cluster,
    Ending,
    StepState,
)  # fmt: skip
from local_aws.service import Service

Request = dict[str, Any]
Answer = dict[str, Any] | None
Operation = Callable[[Service, Request], Answer]
PAGE = 50


def run_job_flow(service: Service, request: Request) -> Answer:
    validation.run_job_flow(request, service.security_configurations)
    cluster = build_cluster(request)
    service.add(cluster)
    return {"JobFlowId": cluster.id, "ClusterArn": views.cluster_arn(cluster.id, service.settings.region)}


def add_job_flow_steps(service: Service, request: Request) -> Answer:
    cluster = _cluster(service, request["JobFlowId"])
    validation.modifiable(cluster)
    validation.steps(request["Steps"], len(cluster.steps), cluster.step_concurrency)
    made = [build_step(config, request.get("ExecutionRoleArn")) for config in request["Steps"]]
    cluster.steps += made
    service.save(cluster)
    return {"StepIds": [step.id for step in made]}


def cancel_steps(service: Service, request: Request) -> Answer:
    cluster = _cluster(service, request["ClusterId"])
    if cluster.state in SHUTTING_DOWN:
        raise InvalidRequestException(
            "Cannot cancel steps of a cluster that is shutting down, terminated, or finished."
        )
    at_once = request.get("StepCancellationOption") == "TERMINATE_PROCESS"
    answers = [_cancel(service, cluster, step_id, at_once) for step_id in request["StepIds"]]
    service.save(cluster)
    return {"CancelStepsInfoList": answers}


def _cancel(service: Service, cluster: Cluster, step_id: str, at_once: bool) -> dict[str, Any]:
    step = cluster.step(step_id)
    if step is None:
        raise InvalidRequestException(f"Step id '{step_id}' is not valid.")
    if step.state in STEP_ENDED:
        return {
            "StepId": step_id,
            "Status": "FAILED",
            "Reason": f"Cannot cancel a step in state {step.state}.",
        }
    if step.state is StepState.PENDING:
        step.state, step.message, step.ended = StepState.CANCELLED, "Cancelled by user", time.time()
    else:
        step.state = StepState.CANCEL_PENDING
        service.cancel_running(cluster, step_id, at_once)
    return {"StepId": step_id, "Status": "SUBMITTED", "Reason": ""}


def terminate_job_flows(service: Service, request: Request) -> Answer:
    clusters = [_cluster(service, cluster_id) for cluster_id in request["JobFlowIds"]]
    protected = [
        cluster.id for cluster in clusters if cluster.termination_protected and cluster.state not in SHUTTING_DOWN
    ]
    for cluster in clusters:
        if cluster.id not in protected:
            service.end(cluster, Ending("USER_REQUEST", "Terminated by user request"))
    if protected:
        raise ValidationException("Could not shut down one or more job flows since they are termination protected.")
    return None


def describe_cluster(service: Service, request: Request) -> Answer:
    cluster = _cluster(service, request["ClusterId"])
    return {"Cluster": views.cluster_detail(cluster, service.settings.region)}


def describe_step(service: Service, request: Request) -> Answer:
    step = _cluster(service, request["ClusterId"]).step(request["StepId"])
    if step is None:
        raise InvalidRequestException(f"Step id '{request['StepId']}' is not valid.")
    return {"Step": views.step(step)}


def list_steps(service: Service, request: Request) -> Answer:
    cluster = _cluster(service, request["ClusterId"])
    wanted, states = request.get("StepIds"), request.get("StepStates")
    if wanted and len(wanted) > 10:
        raise InvalidRequestException("At most 10 step ids are allowed.")
    newest_first = [
        views.step(step)
        for step in reversed(cluster.steps)
        if (not wanted or step.id in wanted) and (not states or step.state in states)
    ]
    return _page("Steps", newest_first, request)


def list_clusters(service: Service, request: Request) -> Answer:
    return _page(
        "Clusters",
        [
            views.cluster_summary(cluster, service.settings.region)
            for cluster in _selected(service, request, "ClusterStates")
        ],
        request,
    )


def describe_job_flows(service: Service, request: Request) -> Answer:
    wanted = request.get("JobFlowIds")
    flows = [views.job_flow(c) for c in _selected(service, request, "") if not wanted or c.id in wanted]
    states = request.get("JobFlowStates")
    return {"JobFlows": [f for f in flows if not states or f["ExecutionStatusDetail"]["State"] in states]}


def _selected(service: Service, request: Request, states_key: str) -> list[Cluster]:
    after, before, states = request.get("CreatedAfter"), request.get("CreatedBefore"), request.get(states_key)
    return [
        cluster
        for cluster in reversed(service.clusters.values())
        if (after is None or cluster.created >= after)
        and (before is None or cluster.created <= before)
        and (not states or cluster.state in states)
    ]


def modify_cluster(service: Service, request: Request) -> Answer:
    cluster = _changeable(service, request)
    if (level := request.get("StepConcurrencyLevel")) is not None:
        validation.step_concurrency(level)
        cluster.step_concurrency = level
    service.save(cluster)
    return {"StepConcurrencyLevel": cluster.step_concurrency}


def list_bootstrap_actions(service: Service, request: Request) -> Answer:
    cluster = _cluster(service, request["ClusterId"])
    actions = cluster.request.get("BootstrapActions") or []
    return _page("BootstrapActions", [views.bootstrap_action(action) for action in actions], request)


def list_instances(service: Service, request: Request) -> Answer:
    cluster = _cluster(service, request["ClusterId"])
    roles = (
        request.get("InstanceGroupTypes") or [request["InstanceFleetType"]]
        if request.get("InstanceFleetType")
        else request.get("InstanceGroupTypes")
    )
    group_id = request.get("InstanceGroupId") or request.get("InstanceFleetId")
    states = request.get("InstanceStates")
    found = [
        views.instance(instance, group, cluster)
        for group in cluster.groups
        if (not roles or group.role in roles) and (not group_id or group.id == group_id)
        for instance in group.instances
    ]
    return _page("Instances", [i for i in found if not states or i["Status"]["State"] in states], request)


def list_instance_groups(service: Service, request: Request) -> Answer:
    cluster = _cluster(service, request["ClusterId"])
    if cluster.collection != "INSTANCE_GROUP":
        raise InvalidRequestException(_exclusive("ListInstanceGroups", "instance fleets", "ListInstanceFleets"))
    return _page("InstanceGroups", [views.instance_group(group, cluster) for group in cluster.groups], request)


def list_instance_fleets(service: Service, request: Request) -> Answer:
    cluster = _cluster(service, request["ClusterId"])
    if cluster.collection != "INSTANCE_FLEET":
        raise InvalidRequestException(_exclusive("ListInstanceFleets", "instance groups", "ListInstanceGroups"))
    return _page("InstanceFleets", [views.instance_fleet(group, cluster) for group in cluster.groups], request)


def add_instance_groups(service: Service, request: Request) -> Answer:
    cluster = _changeable(service, {"ClusterId": request["JobFlowId"]})
    if cluster.collection != "INSTANCE_GROUP":
        raise InvalidRequestException("Instance groups cannot be added to a cluster that uses instance fleets.")
    made = build_groups({"InstanceGroups": request["InstanceGroups"]})[1]
    cluster.groups += made
    service.save(cluster)
    return {
        "JobFlowId": cluster.id,
        "InstanceGroupIds": [group.id for group in made],
        "ClusterArn": views.cluster_arn(cluster.id, service.settings.region),
    }


def add_tags(service: Service, request: Request) -> Answer:
    cluster = _cluster(service, request["ResourceId"])
    validation.tags(request["Tags"])
    cluster.tags.update({tag["Key"]: tag.get("Value") or "" for tag in request["Tags"]})
    service.save(cluster)
    return None


def remove_tags(service: Service, request: Request) -> Answer:
    cluster = _cluster(service, request["ResourceId"])
    for key in request["TagKeys"]:
        cluster.tags.pop(key, None)
    service.save(cluster)
    return None


def put_auto_termination_policy(service: Service, request: Request) -> Answer:
    cluster = _changeable(service, request)
    validation.auto_termination(request.get("AutoTerminationPolicy"))
    cluster.idle_timeout = request["AutoTerminationPolicy"]["IdleTimeout"]
    service.save(cluster)
    return None


def get_auto_termination_policy(service: Service, request: Request) -> Answer:
    timeout = _cluster(service, request["ClusterId"]).idle_timeout
    return {"AutoTerminationPolicy": {"IdleTimeout": timeout}} if timeout is not None else {}


def remove_auto_termination_policy(service: Service, request: Request) -> Answer:
    cluster = _changeable(service, request)
    cluster.idle_timeout = None
    service.save(cluster)
    return None


def put_managed_scaling_policy(service: Service, request: Request) -> Answer:
    cluster = _changeable(service, request)
    cluster.managed_scaling = request["ManagedScalingPolicy"]
    service.save(cluster)
    return None


def get_managed_scaling_policy(service: Service, request: Request) -> Answer:
    policy = _cluster(service, request["ClusterId"]).managed_scaling
    return {"ManagedScalingPolicy": policy} if policy else {}


def remove_managed_scaling_policy(service: Service, request: Request) -> Answer:
    cluster = _changeable(service, request)
    cluster.managed_scaling = None
    service.save(cluster)
    return None


def set_termination_protection(service: Service, request: Request) -> Answer:
    return _set(service, request, "termination_protected", "TerminationProtected")


def set_keep_job_flow_alive_when_no_steps(service: Service, request: Request) -> Answer:
    return _set(service, request, "keep_alive", "KeepJobFlowAliveWhenNoSteps")


def set_visible_to_all_users(service: Service, request: Request) -> Answer:
    return _set(service, request, "visible_to_all_users", "VisibleToAllUsers")


def set_unhealthy_node_replacement(service: Service, request: Request) -> Answer:
    return _set(service, request, "unhealthy_node_replacement", "UnhealthyNodeReplacement")


def _set(service: Service, request: Request, attribute: str, member: str) -> Answer:
    clusters = [_changeable(service, {"ClusterId": cluster_id}) for cluster_id in request["JobFlowIds"]]
    for cluster in clusters:
        setattr(cluster, attribute, request[member])
        service.save(cluster)
    return None


def create_security_configuration(service: Service, request: Request) -> Answer:
    name = request["Name"]
    if name in service.security_configurations:
        raise InvalidRequestException(f"SecurityConfiguration with name '{name}' already exists.")
    made = {
        "Name": name,
        "SecurityConfiguration": request["SecurityConfiguration"],
        "CreationDateTime": time.time(),
    }
    service.security_configurations[name] = made
    service.store.save_security_configurations(service.security_configurations)
    return {"Name": name, "CreationDateTime": made["CreationDateTime"]}


def describe_security_configuration(service: Service, request: Request) -> Answer:
    return dict(_security_configuration(service, request["Name"]))


def delete_security_configuration(service: Service, request: Request) -> Answer:
    _security_configuration(service, request["Name"])
    del service.security_configurations[request["Name"]]
    service.store.save_security_configurations(service.security_configurations)
    return None


def list_security_configurations(service: Service, request: Request) -> Answer:
    return _page("SecurityConfigurations", list(service.security_configurations.values()), request)


def list_release_labels(service: Service, request: Request) -> Answer:
    filters = request.get("Filters") or {}
    prefix, application = filters.get("Prefix") or "", (filters.get("Application") or "").lower()
    found = [
        label
        for label in releases.labels()
        if label.startswith(prefix)
        and (not application or application in (name.lower() for name in releases.applications(label)))
    ]
    return _page("ReleaseLabels", found, request)


def describe_release_label(service: Service, request: Request) -> Answer:
    label = request.get("ReleaseLabel")
    if label not in releases.labels():
        raise ValidationException(f"The supplied release label is invalid: {label}.")
    apps = [views.present({"Name": n, "Version": v}) for n, v in releases.applications(str(label)).items()]
    return {"ReleaseLabel": label, "Applications": apps}


def list_supported_instance_types(service: Service, request: Request) -> Answer:
    label = request.get("ReleaseLabel")
    if label not in releases.labels():
        raise ValidationException(f"The supplied release label is invalid: {label}.")
    return _page("SupportedInstanceTypes", list(releases.instance_types(str(label))), request)


OPERATIONS: dict[str, Operation] = {
    "".join(word.capitalize() for word in function.__name__.split("_")): function
    for function in (
        run_job_flow, add_job_flow_steps, cancel_steps, terminate_job_flows, describe_cluster, describe_step, list_steps,
        list_clusters, describe_job_flows, modify_cluster, list_bootstrap_actions, list_instances, list_instance_groups,
        list_instance_fleets, add_instance_groups, add_tags, remove_tags, put_auto_termination_policy,
        get_auto_termination_policy, remove_auto_termination_policy, put_managed_scaling_policy,
        get_managed_scaling_policy, remove_managed_scaling_policy, set_termination_protection,
        set_keep_job_flow_alive_when_no_steps, set_visible_to_all_users, set_unhealthy_node_replacement,
        create_security_configuration, describe_security_configuration, delete_security_configuration,
        list_security_configurations, list_release_labels, describe_release_label, list_supported_instance_types,
    )
}  # fmt: skip


def _cluster(service: Service, cluster_id: str) -> Cluster:
    if (cluster := service.clusters.get(cluster_id)) is None:
        raise InvalidRequestException(f"Cluster id '{cluster_id}' is not valid.")
    return cluster


def _changeable(service: Service, request: Request) -> Cluster:
    cluster = _cluster(service, request["ClusterId"])
    validation.modifiable(cluster)
    return cluster


def _security_configuration(service: Service, name: str) -> dict[str, Any]:
    if name not in service.security_configurations:
        raise InvalidRequestException(f"Security configuration with name '{name}' does not exist.")
    return service.security_configurations[name]


def _exclusive(operation: str, used: str, instead: str) -> str:
    return (
        "Instance fleets and instance groups are mutually exclusive. The EMR cluster specified in the request uses"
        f" {used}. The {operation} request does not support clusters that use {used}. Use the {instead} request instead."
    )


def _page(member: str, items: list[Any], request: Request) -> dict[str, Any]:
    """One page of at most PAGE items; the marker is opaque to the client, as EMR's is."""
    token = "NextToken" if "NextToken" in request else "Marker"
    start = 0
    if given := request.get("Marker") or request.get("NextToken"):
        try:
            start = int(base64.urlsafe_b64decode(given))
        except ValueError:
            raise InvalidRequestException(f"Marker '{given}' is not valid.") from None
    size = min(request.get("MaxResults") or PAGE, PAGE)
    page: dict[str, Any] = {member: items[start : start + size]}
    if start + size < len(items):
        page[token] = base64.urlsafe_b64encode(str(start + size).encode()).decode()
    return page
