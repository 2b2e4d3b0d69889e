"""Operations on steps: add, cancel, list, describe."""

from __future__ import annotations

import time
from typing import Any

from moto.emr.exceptions import InvalidRequestException

from local_aws.cluster.model import SHUTTING_DOWN, STEP_ENDED, Cluster, StepState
from local_aws.emr import validation, views
from local_aws.emr.creation import build_step
from local_aws.emr.operations.request import Answer, Request, find_cluster, page
from local_aws.emr.service import Service


def add_job_flow_steps(service: Service, request: Request) -> Answer:
    """Add steps to a cluster."""
    cluster = find_cluster(service, request["JobFlowId"])
    validation.modifiable(cluster)
    validation.steps(request["Steps"], validation.active_steps(cluster), cluster.step_concurrency)
    made = [build_step(config, request.get("ExecutionRoleArn")) for config in request["Steps"]]
    cluster.steps += made
    service.save(cluster)
    return {"StepIds": [step.id for step in made]}


def cancel_steps(service: Service, request: Request) -> Answer:
    """Cancel pending and running steps."""
    cluster = find_cluster(service, request["ClusterId"])
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


def describe_step(service: Service, request: Request) -> Answer:
    """Describe a step."""
    step = find_cluster(service, request["ClusterId"]).step(request["StepId"])
    if step is None:
        raise InvalidRequestException(f"Step id '{request['StepId']}' is not valid.")
    return {"Step": views.step(step)}


def list_steps(service: Service, request: Request) -> Answer:
    """List the steps of a cluster by id and state, newest first."""
    cluster = find_cluster(service, request["ClusterId"])
    wanted, states = request.get("StepIds"), request.get("StepStates")
    if wanted and len(wanted) > 10:
        raise InvalidRequestException("At most 10 step ids are allowed.")
    newest_first = [
        views.step(step)
        for step in reversed(cluster.steps)
        if (not wanted or step.id in wanted) and (not states or step.state in states)
    ]
    return page("Steps", newest_first, request)
