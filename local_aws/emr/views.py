"""Clusters and steps in the shapes of the EMR API. Times are seconds; the serializer turns them into timestamps."""

from __future__ import annotations

from typing import Any

from local_aws.cluster import releases
from local_aws.cluster.model import Cluster, ClusterState, Step

ACCOUNT = "123456789012"


def cluster_arn(cluster_id: str, region: str) -> str:
    """Return the ARN of a cluster."""
    return f"arn:aws:elasticmapreduce:{region}:{ACCOUNT}:cluster/{cluster_id}"


def cluster_summary(cluster: Cluster, region: str) -> dict[str, Any]:
    """Return a ClusterSummary of the EMR API."""
    return {
        "Id": cluster.id,
        "Name": cluster.name,
        "Status": cluster_status(cluster),
        "NormalizedInstanceHours": 0,
        "ClusterArn": cluster_arn(cluster.id, region),
    }


def cluster_status(cluster: Cluster) -> dict[str, Any]:
    """Return a ClusterStatus of the EMR API."""
    reason = {"Code": cluster.reason_code, "Message": cluster.reason_message}
    timeline = {
        "CreationDateTime": cluster.created,
        "ReadyDateTime": cluster.ready,
        "EndDateTime": cluster.ended,
    }
    return {"State": cluster.state, "StateChangeReason": present(reason), "Timeline": present(timeline)}


def cluster_detail(cluster: Cluster, region: str) -> dict[str, Any]:
    """Return a Cluster of the EMR API, as in the answer of DescribeCluster."""
    request = cluster.request
    label = str(request.get("ReleaseLabel"))
    versions = releases.applications(label)
    detail = {
        **cluster_summary(cluster, region),
        "Ec2InstanceAttributes": _ec2_instance_attributes(request, region),
        "InstanceCollectionType": cluster.collection,
        # EMR always answers with the scheme s3n.
        "LogUri": cluster.log_uri.replace("s3://", "s3n://", 1) + "/" if cluster.log_uri else None,
        "ReleaseLabel": label,
        "AutoTerminate": not cluster.keep_alive,
        "TerminationProtected": cluster.termination_protected,
        "UnhealthyNodeReplacement": cluster.unhealthy_node_replacement,
        "VisibleToAllUsers": cluster.visible_to_all_users,
        "Applications": [
            present({"Name": app["Name"], "Version": versions.get(app["Name"]), "Args": app.get("Args")})
            for app in request.get("Applications") or [{"Name": "Hadoop"}]
        ],
        "Tags": tag_list(cluster),
        "ServiceRole": request.get("ServiceRole"),
        "AutoScalingRole": request.get("AutoScalingRole"),
        "ScaleDownBehavior": request.get("ScaleDownBehavior", "TERMINATE_AT_TASK_COMPLETION"),
        "EbsRootVolumeSize": request.get("EbsRootVolumeSize"),
        "SecurityConfiguration": request.get("SecurityConfiguration"),
        "CustomAmiId": request.get("CustomAmiId"),
        "OSReleaseLabel": request.get("OSReleaseLabel"),
        "Configurations": request.get("Configurations") or [],
        "StepConcurrencyLevel": cluster.step_concurrency,
        "PlacementGroups": request.get("PlacementGroupConfigs"),
        "MasterPublicDnsName": "localhost" if cluster.ready is not None else None,
    }
    return present(detail)


def _ec2_instance_attributes(request: dict[str, Any], region: str) -> dict[str, Any]:
    instances = request.get("Instances") or {}
    attributes = {
        "Ec2KeyName": instances.get("Ec2KeyName"),
        "Ec2SubnetId": instances.get("Ec2SubnetId") or next(iter(instances.get("Ec2SubnetIds") or []), None),
        "RequestedEc2SubnetIds": instances.get("Ec2SubnetIds") or [],
        "Ec2AvailabilityZone": f"{region}a",
        "IamInstanceProfile": request.get("JobFlowRole"),
        "EmrManagedMasterSecurityGroup": instances.get("EmrManagedMasterSecurityGroup"),
        "EmrManagedSlaveSecurityGroup": instances.get("EmrManagedSlaveSecurityGroup"),
        "ServiceAccessSecurityGroup": instances.get("ServiceAccessSecurityGroup"),
        "AdditionalMasterSecurityGroups": instances.get("AdditionalMasterSecurityGroups") or [],
        "AdditionalSlaveSecurityGroups": instances.get("AdditionalSlaveSecurityGroups") or [],
    }
    return present(attributes)


def tag_list(cluster: Cluster) -> list[dict[str, str]]:
    """Return the Tags of a cluster."""
    return [{"Key": key, "Value": value} for key, value in cluster.tags.items()]


def step(step: Step) -> dict[str, Any]:
    """Return a Step of the EMR API, also used as StepSummary."""
    failure = step.failure
    status = {
        "State": step.state,
        "StateChangeReason": present({"Code": "NONE" if step.message else None, "Message": step.message}),
        "FailureDetails": failure
        and present({"Reason": failure.reason, "Message": failure.message, "LogFile": failure.log_file}),
        "Timeline": present(
            {"CreationDateTime": step.created, "StartDateTime": step.started, "EndDateTime": step.ended}
        ),
    }
    config = {"Jar": step.jar, "Properties": step.properties, "MainClass": step.main_class, "Args": step.args}
    return present(
        {
            "Id": step.id,
            "Name": step.name,
            "Config": present(config),
            "ActionOnFailure": step.action_on_failure,
            "Status": present(status),
            "ExecutionRoleArn": step.execution_role,
        }
    )


def bootstrap_action(action: dict[str, Any]) -> dict[str, Any]:
    """Return a Command of the EMR API, as in the answer of ListBootstrapActions."""
    script = action["ScriptBootstrapAction"]
    return {"Name": action["Name"], "ScriptPath": script["Path"], "Args": script.get("Args") or []}


def job_flow(cluster: Cluster) -> dict[str, Any]:
    """Return a JobFlowDetail of the deprecated DescribeJobFlows."""
    states = {ClusterState.TERMINATED: "COMPLETED", ClusterState.TERMINATED_WITH_ERRORS: "FAILED",
              ClusterState.TERMINATING: "SHUTTING_DOWN"}  # fmt: skip
    instances = cluster.request.get("Instances") or {}
    status = {
        "State": states.get(cluster.state, str(cluster.state)),
        "CreationDateTime": cluster.created,
        "StartDateTime": cluster.ready,
        "ReadyDateTime": cluster.ready,
        "EndDateTime": cluster.ended,
        "LastStateChangeReason": cluster.reason_message,
    }
    master = next(group for group in cluster.groups if group.role == "MASTER")
    return present(
        {
            "JobFlowId": cluster.id,
            "Name": cluster.name,
            "LogUri": cluster.log_uri,
            "ExecutionStatusDetail": present(status),
            "Instances": present(
                {
                    "MasterInstanceType": master.config.get("InstanceType") or "m5.xlarge",
                    "InstanceCount": sum(len(group.instances) for group in cluster.groups),
                    "KeepJobFlowAliveWhenNoSteps": cluster.keep_alive,
                    "TerminationProtected": cluster.termination_protected,
                    "Ec2SubnetId": instances.get("Ec2SubnetId"),
                }
            ),
            "Steps": [],
            "BootstrapActions": [{"BootstrapActionConfig": a} for a in cluster.request.get("BootstrapActions") or []],
            "VisibleToAllUsers": cluster.visible_to_all_users,
            "JobFlowRole": cluster.request.get("JobFlowRole"),
            "ServiceRole": cluster.request.get("ServiceRole"),
        }
    )


def present(members: dict[str, Any]) -> dict[str, Any]:
    """Return the members that are not None, as in the answers of EMR."""
    return {key: value for key, value in members.items() if value is not None}
