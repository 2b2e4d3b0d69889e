"""Lists of the EMR API: order, filters, pages; and the description of a cluster."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.local_aws.clusters import BUCKET, request, shell, start, wait_cluster, wait_step

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_emr.type_defs import InstanceGroupConfigTypeDef, ManagedScalingPolicyTypeDef


def test_steps_come_newest_first_in_pages_and_by_filter(emr: EMRClient) -> None:
    cluster_id = start(
        emr, "many", shell("hold", "sleep 60"), *(shell(f"s{n}", "true") for n in range(119)), keep_alive=True
    )
    first = emr.list_steps(ClusterId=cluster_id)
    assert len(first["Steps"]) == 50
    assert "Marker" in first
    every = [
        found for page in emr.get_paginator("list_steps").paginate(ClusterId=cluster_id) for found in page["Steps"]
    ]
    assert [found["Name"] for found in every] == [f"s{n}" for n in reversed(range(119))] + ["hold"]
    wait_step(emr, cluster_id, every[-1]["Id"], "RUNNING")
    running = emr.list_steps(ClusterId=cluster_id, StepStates=["RUNNING"])["Steps"]
    assert [found["Name"] for found in running] == ["hold"]
    two = emr.list_steps(ClusterId=cluster_id, StepIds=[every[3]["Id"], every[7]["Id"]])["Steps"]
    assert [found["Id"] for found in two] == [every[3]["Id"], every[7]["Id"]]
    emr.terminate_job_flows(JobFlowIds=[cluster_id])


def test_clusters_by_state_and_by_date(emr: EMRClient) -> None:
    waiting, ended = start(emr, "waiting", keep_alive=True), start(emr, "ended")
    wait_cluster(emr, waiting, "WAITING")
    created = wait_cluster(emr, ended)["Status"]["Timeline"]["CreationDateTime"]

    def ids(**filters: Any) -> list[str]:
        pages = emr.get_paginator("list_clusters").paginate(**filters)
        return [found["Id"] for page in pages for found in page["Clusters"]]

    assert waiting in ids(ClusterStates=["WAITING", "RUNNING"])
    assert ended not in ids(ClusterStates=["WAITING", "RUNNING"])
    assert ended in ids(ClusterStates=["TERMINATED"])
    assert (
        ids(CreatedAfter=created - timedelta(milliseconds=1))[:2]
        == [ended, waiting][: 1 + (waiting in ids(CreatedAfter=created))]
    )
    assert ids(CreatedAfter=datetime.now(UTC) + timedelta(hours=1)) == []
    assert ended not in ids(CreatedBefore=created - timedelta(seconds=1))
    assert ended in ids(CreatedBefore=created + timedelta(seconds=1))
    emr.terminate_job_flows(JobFlowIds=[waiting])


def test_more_clusters_than_a_page(emr: EMRClient) -> None:
    made = [start(emr, f"c{n}") for n in range(52)]
    first = emr.list_clusters()
    assert len(first["Clusters"]) == 50
    listed = [found["Id"] for page in emr.get_paginator("list_clusters").paginate() for found in page["Clusters"]]
    assert listed[:52] == made[::-1]
    assert len(set(listed)) == len(listed)
    wait_cluster(emr, made[-1])


def test_description_echoes_the_request(emr: EMRClient) -> None:
    configurations = [{"Classification": "spark-defaults", "Properties": {"spark.sql.ansi.enabled": "true"}}]
    cluster_id = start(emr, "described", Tags=[{"Key": "verger:run", "Value": "é"}], Configurations=configurations)
    cluster = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
    assert cluster["Name"] == "described"
    assert cluster["Tags"] == [{"Key": "verger:run", "Value": "é"}]
    assert cluster["Configurations"] == configurations
    assert cluster["LogUri"] == f"s3n://{BUCKET}/logs/"
    assert cluster["ReleaseLabel"] == "emr-spark-8.1.0"
    assert cluster["Applications"] == [{"Name": "Spark", "Version": "4.1.1"}]
    assert cluster["AutoTerminate"] is True
    assert cluster["InstanceCollectionType"] == "INSTANCE_GROUP"
    assert cluster["ClusterArn"].endswith(f":cluster/{cluster_id}")
    [flow] = emr.describe_job_flows(JobFlowIds=[cluster_id])["JobFlows"]
    assert flow["Name"] == "described"
    groups = emr.list_instance_groups(ClusterId=cluster_id)["InstanceGroups"]
    assert [(group["InstanceGroupType"], group["RequestedInstanceCount"]) for group in groups] == [
        ("MASTER", 1),
        ("CORE", 2),
    ]
    assert len(emr.list_instances(ClusterId=cluster_id)["Instances"]) == 3
    assert len(emr.list_instances(ClusterId=cluster_id, InstanceGroupId=groups[1]["Id"])["Instances"]) == 2


def test_instance_fleets(emr: EMRClient) -> None:
    kinds = [{"InstanceType": "m6g.xlarge"}, {"InstanceType": "m7g.xlarge"}]
    fleets = [
        {"Name": "p", "InstanceFleetType": "MASTER", "TargetOnDemandCapacity": 1, "InstanceTypeConfigs": kinds[:1]},
        {
            "Name": "c",
            "InstanceFleetType": "CORE",
            "TargetOnDemandCapacity": 1,
            "TargetSpotCapacity": 2,
            "InstanceTypeConfigs": kinds,
            "LaunchSpecifications": {
                "SpotSpecification": {
                    "TimeoutDurationMinutes": 10,
                    "TimeoutAction": "SWITCH_TO_ON_DEMAND",
                    "AllocationStrategy": "PRICE_CAPACITY_OPTIMIZED",
                }
            },
        },
    ]
    instances = {"InstanceFleets": fleets, "KeepJobFlowAliveWhenNoSteps": False}
    cluster_id = emr.run_job_flow(**{**request("fleets"), "Instances": instances})["JobFlowId"]
    found = emr.list_instance_fleets(ClusterId=cluster_id)["InstanceFleets"]
    assert [fleet["InstanceFleetType"] for fleet in found] == ["MASTER", "CORE"]
    assert found[1]["TargetSpotCapacity"] == 2
    assert [kind["InstanceType"] for kind in found[1]["InstanceTypeSpecifications"]] == ["m6g.xlarge", "m7g.xlarge"]
    core = emr.list_instances(ClusterId=cluster_id, InstanceFleetType="CORE")["Instances"]
    assert [instance["Market"] for instance in core] == ["ON_DEMAND", "SPOT", "SPOT"]
    timelines = [instance["Status"]["Timeline"] for instance in core]
    wait_cluster(emr, cluster_id)
    ended = [instance["Status"]["Timeline"] for instance in emr.list_instances(ClusterId=cluster_id)["Instances"]]
    assert all(timeline["EndDateTime"] > timeline["CreationDateTime"] for timeline in ended)
    assert {timeline["CreationDateTime"] for timeline in timelines} <= {each["CreationDateTime"] for each in ended}


def test_a_cluster_can_be_changed(emr: EMRClient) -> None:
    cluster_id = start(emr, "changed", keep_alive=True, Tags=[{"Key": "a", "Value": "1"}])
    emr.add_tags(ResourceId=cluster_id, Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "3"}])
    emr.remove_tags(ResourceId=cluster_id, TagKeys=["b", "none"])
    emr.put_auto_termination_policy(ClusterId=cluster_id, AutoTerminationPolicy={"IdleTimeout": 300})
    assert emr.get_auto_termination_policy(ClusterId=cluster_id)["AutoTerminationPolicy"]["IdleTimeout"] == 300
    emr.remove_auto_termination_policy(ClusterId=cluster_id)
    assert "AutoTerminationPolicy" not in emr.get_auto_termination_policy(ClusterId=cluster_id)
    limits: ManagedScalingPolicyTypeDef = {
        "ComputeLimits": {"UnitType": "Instances", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 4}
    }
    emr.put_managed_scaling_policy(ClusterId=cluster_id, ManagedScalingPolicy=limits)
    assert emr.get_managed_scaling_policy(ClusterId=cluster_id)["ManagedScalingPolicy"] == limits
    emr.remove_managed_scaling_policy(ClusterId=cluster_id)
    emr.set_visible_to_all_users(JobFlowIds=[cluster_id], VisibleToAllUsers=False)
    task: InstanceGroupConfigTypeDef = {"InstanceRole": "TASK", "InstanceType": "m6g.xlarge", "InstanceCount": 2}
    [added] = emr.add_instance_groups(JobFlowId=cluster_id, InstanceGroups=[task])["InstanceGroupIds"]
    assert added in [group["Id"] for group in emr.list_instance_groups(ClusterId=cluster_id)["InstanceGroups"]]
    cluster = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
    assert cluster["Tags"] == [{"Key": "a", "Value": "3"}]
    assert cluster["VisibleToAllUsers"] is False
    emr.terminate_job_flows(JobFlowIds=[cluster_id])


def test_security_configurations(emr: EMRClient) -> None:
    text = '{"InstanceMetadataServiceConfiguration":{"MinimumInstanceMetadataServiceVersion":2}}'
    emr.create_security_configuration(Name="imdsv2", SecurityConfiguration=text)
    assert emr.describe_security_configuration(Name="imdsv2")["SecurityConfiguration"] == text
    assert "imdsv2" in [found["Name"] for found in emr.list_security_configurations()["SecurityConfigurations"]]
    cluster_id = start(emr, "secured", SecurityConfiguration="imdsv2")
    assert emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["SecurityConfiguration"] == "imdsv2"
    emr.delete_security_configuration(Name="imdsv2")
    assert emr.list_security_configurations()["SecurityConfigurations"] == []


def test_releases(emr: EMRClient) -> None:
    labels = emr.list_release_labels(Filters={"Prefix": "emr-spark"})["ReleaseLabels"]
    assert "emr-spark-8.1.0" in labels
    assert "emr-7.14.0" not in labels
    assert "emr-7.14.0" in emr.list_release_labels()["ReleaseLabels"]
    names = [app["Name"] for app in emr.describe_release_label(ReleaseLabel="emr-spark-8.1.0")["Applications"]]
    assert "Spark" in names
    assert "TensorFlow" not in names
    assert emr.list_supported_instance_types(ReleaseLabel="emr-7.14.0")["SupportedInstanceTypes"]
