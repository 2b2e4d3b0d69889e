"""Operations on clusters: create, list, describe, change, terminate."""

from __future__ import annotations

from moto.emr.exceptions import ValidationException

from local_aws.cluster.account import Account
from local_aws.cluster.model import SHUTTING_DOWN, Cluster, Ending
from local_aws.emr import validation, views
from local_aws.emr.creation import build_cluster
from local_aws.emr.operations.request import Answer, Request, changeable, find_cluster, page
from local_aws.emr.service import Service


def run_job_flow(service: Service, request: Request) -> Answer:
    """Create and start a cluster."""
    account = Account.load(service.settings.state, service.settings.region)
    validation.run_job_flow(request, service.security_configurations, account)
    cluster = build_cluster(request, service.settings)
    service.add(cluster)
    return {"JobFlowId": cluster.id, "ClusterArn": views.cluster_arn(cluster.id, service.settings.region)}


def terminate_job_flows(service: Service, request: Request) -> Answer:
    """Terminate clusters, except those with termination protection."""
    clusters = [find_cluster(service, cluster_id) for cluster_id in request["JobFlowIds"]]
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
    """Describe a cluster."""
    cluster = find_cluster(service, request["ClusterId"])
    return {"Cluster": views.cluster_detail(cluster, service.settings.region)}


def list_clusters(service: Service, request: Request) -> Answer:
    """List clusters by state and creation time, newest first."""
    return page(
        "Clusters",
        [
            views.cluster_summary(cluster, service.settings.region)
            for cluster in _selected(service, request, "ClusterStates")
        ],
        request,
    )


def describe_job_flows(service: Service, request: Request) -> Answer:
    """Describe clusters in the form of the deprecated API."""
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
    """Change the step concurrency of a cluster."""
    cluster = changeable(service, request["ClusterId"])
    if (level := request.get("StepConcurrencyLevel")) is not None:
        validation.step_concurrency(level)
        cluster.step_concurrency = level
    service.save(cluster)
    return {"StepConcurrencyLevel": cluster.step_concurrency}


def set_termination_protection(service: Service, request: Request) -> Answer:
    """Turn termination protection on or off."""
    return _set(service, request, "termination_protected", "TerminationProtected")


def set_keep_job_flow_alive_when_no_steps(service: Service, request: Request) -> Answer:
    """Set whether a cluster waits after its last step."""
    return _set(service, request, "keep_alive", "KeepJobFlowAliveWhenNoSteps")


def set_visible_to_all_users(service: Service, request: Request) -> Answer:
    """Set the visibility of clusters."""
    return _set(service, request, "visible_to_all_users", "VisibleToAllUsers")


def set_unhealthy_node_replacement(service: Service, request: Request) -> Answer:
    """Turn the replacement of unhealthy nodes on or off."""
    return _set(service, request, "unhealthy_node_replacement", "UnhealthyNodeReplacement")


def _set(service: Service, request: Request, attribute: str, member: str) -> Answer:
    clusters = [changeable(service, cluster_id) for cluster_id in request["JobFlowIds"]]
    for cluster in clusters:
        setattr(cluster, attribute, request[member])
        service.save(cluster)
    return None


def list_bootstrap_actions(service: Service, request: Request) -> Answer:
    """List the bootstrap actions of a cluster."""
    cluster = find_cluster(service, request["ClusterId"])
    actions = cluster.request.get("BootstrapActions") or []
    return page("BootstrapActions", [views.bootstrap_action(action) for action in actions], request)
