"""The messages of the stack: the state machine runs in moto, and the patterns of EventBridge match EMR's events."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.events.models import EventPattern

from tests.infra.stack import REGION, Stack
from verger.emr.requests import NAME_PREFIX

DEADLINE = 300.0


@pytest.fixture
def stack_of_two_hours() -> Iterator[Stack]:
    """A stack that reports clusters after two hours, in a moto that executes state machines."""
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        yield Stack.create(MaxClusterHours="2")


def without_waiting(stack: Stack) -> dict[str, Any]:
    """Return the definition of the state machine with an hour of no seconds."""
    machine = stack.properties("ClusterAge")
    text = json.dumps(machine["Definition"])
    for name, value in machine["DefinitionSubstitutions"].items():
        text = text.replace(f"${{{name}}}", str(value))
    definition: dict[str, Any] = json.loads(text)
    assert definition["States"]["Wait"]["Seconds"] == 3600
    definition["States"]["Wait"]["Seconds"] = 0
    return definition


def test_an_old_cluster_is_reported_until_it_ends(stack_of_two_hours: Stack) -> None:
    clients: list[Any] = [boto3.client(name, REGION) for name in ("emr", "stepfunctions", "sqs")]
    emr, steps, sqs = clients
    queue = sqs.create_queue(QueueName="messages")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = stack_of_two_hours.name("Topic")
    boto3.client("sns", REGION).subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    instances: Any = {"MasterInstanceType": "m5.xlarge", "InstanceCount": 1, "KeepJobFlowAliveWhenNoSteps": True}
    cluster = emr.run_job_flow(Name="verger r", Instances=instances, JobFlowRole="n", ServiceRole="s")["JobFlowId"]
    role = stack_of_two_hours.properties("ClusterAge")["RoleArn"]
    definition = json.dumps(without_waiting(stack_of_two_hours))
    machine = steps.create_state_machine(name="age", definition=definition, roleArn=role)["stateMachineArn"]
    event = {"detail": {"clusterId": cluster}}
    execution = steps.start_execution(stateMachineArn=machine, input=json.dumps(event))["executionArn"]
    texts: list[str] = []
    end = time.monotonic() + DEADLINE
    while (status := steps.describe_execution(executionArn=execution)["status"]) == "RUNNING":
        assert time.monotonic() < end, texts
        found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", ())
        texts += [json.loads(message["Body"])["Message"] for message in found]
        if len(texts) > 1:
            emr.terminate_job_flows(JobFlowIds=[cluster])
        time.sleep(0.05)
    assert status == "SUCCEEDED"
    line = f"Cluster {cluster} is WAITING after 2 more hours. Terminate it if no DAG run uses it."
    assert set(texts) == {line}


@pytest.mark.parametrize(
    ("rule", "state", "name", "matches"),
    [
        ("FailedCluster", "TERMINATED_WITH_ERRORS", f"{NAME_PREFIX}r", True),
        ("FailedCluster", "TERMINATED", f"{NAME_PREFIX}r", False),
        ("FailedCluster", "TERMINATED_WITH_ERRORS", "other", False),
        ("StartedCluster", "STARTING", f"{NAME_PREFIX}r", True),
        ("StartedCluster", "RUNNING", f"{NAME_PREFIX}r", False),
        ("FailedStep", "FAILED", "featurize r", True),
        ("FailedStep", "FAILED", "pca r", True),
        ("FailedStep", "COMPLETED", "pca r", False),
        ("FailedStep", "FAILED", "other", False),
    ],
)
def test_a_rule_matches_the_events_of_verger(stack: Stack, rule: str, state: str, name: str, matches: bool) -> None:
    pattern = EventPattern.load(json.dumps(stack.properties(rule)["EventPattern"]))
    kind = "EMR Step Status Change" if rule == "FailedStep" else "EMR Cluster State Change"
    event: Any = {
        "source": "aws.emr",
        "detail-type": kind,
        "detail": {"state": state, "name": name, "clusterId": "j-1"},
    }
    assert pattern.matches_event(event) is matches


def test_no_condition_refuses_the_messages_of_eventbridge(stack: Stack) -> None:
    # EventBridge sends no condition keys to SNS and KMS.
    documents = [stack.properties("TopicPolicy")["PolicyDocument"], stack.properties("Key")["KeyPolicy"]]
    for document in documents:
        (statement,) = (
            found for found in document["Statement"] if "events.amazonaws.com" in json.dumps(found["Principal"])
        )
        assert statement["Effect"] == "Allow"
        assert "Condition" not in statement
