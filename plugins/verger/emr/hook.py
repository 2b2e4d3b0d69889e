"""An EMR hook whose requests can be repeated.

RunJobFlow and AddJobFlowSteps take no client token: a second request makes a second cluster or a second step.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.amazon.aws.hooks.emr import EmrHook

from verger import cut_answers
from verger.emr.descriptions import ClusterStep, is_loss
from verger.emr.outages import send_once

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_emr.literals import ClusterStateType, StepStateType
    from mypy_boto3_emr.type_defs import ClusterStatusTypeDef

ACTIVE_CLUSTER: Sequence[ClusterStateType] = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING")
ENDED_CLUSTER: Sequence[ClusterStateType] = ("TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS")
REUSABLE_STEP: Sequence[StepStateType] = ("PENDING", "RUNNING", "COMPLETED")
UNFINISHED_STEP: Sequence[StepStateType] = ("PENDING", "RUNNING", "CANCEL_PENDING")


def is_cluster_id(text: str) -> bool:
    """Return whether a text is the id of a cluster. A template without its XCom gives another text, such as `None`."""
    return text.startswith("j-")


class IdempotentEmrHook(EmrHook):
    """Creates clusters and steps, or reuses those that an earlier try of the same run created."""

    @property
    def emr_client(self) -> EMRClient:
        """The boto3 client. The provider's `conn` has no usable type."""
        return cast("EMRClient", self.conn)

    def get_client_type(self, *arguments: Any, **options: Any) -> Any:
        """Return the boto3 client. It repeats requests whose answers are cut off."""
        made = super().get_client_type(*arguments, **options)
        # An asynchronous client has no events before the trigger enters it.
        return made if options.get("deferrable") else cut_answers.refuse(made)

    def create_job_flow(self, job_flow_overrides: dict[str, Any]) -> dict[str, Any]:
        """Create a cluster, or return the active one that has the same name and tags.

        botocore would repeat the request after a lost response, and each request creates a cluster. So it is sent once,
        and again only when no cluster has its name and tags (see `send_once`).

        Parameters
        ----------
        job_flow_overrides : dict
            The RunJobFlow request.

        Returns
        -------
        dict
            The RunJobFlow response.

        Raises
        ------
        botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError
            The request failed, and no cluster has its name and tags.
        """
        found, reused = send_once(
            lambda: self.active_cluster(job_flow_overrides),
            lambda: self._client_of_one_attempt().run_job_flow(**job_flow_overrides)["JobFlowId"],
        )
        if reused:
            self.log.info("cluster %s: created by an earlier request of this run, reused", found)
        return {"JobFlowId": found, "ResponseMetadata": {"HTTPStatusCode": 200}}

    @property
    def config(self) -> Config:
        """The options of botocore: those of the task, and those of the Airflow connection (`config_kwargs`) on top."""
        from botocore.config import Config

        return super().config.merge(Config(**(self.conn_config.extra_config.get("config_kwargs") or {})))

    def _client_of_one_attempt(self) -> EMRClient:
        from botocore.config import Config

        once = self.config.merge(Config(retries={"total_max_attempts": 1, "mode": "standard"}))
        return cast("EMRClient", self.get_client_type(region_name=self.region_name, config=once))

    def active_cluster(self, job_flow_overrides: dict[str, Any]) -> str | None:
        """Return the id of the active cluster that was created by this request, found by its name and tags.

        Parameters
        ----------
        job_flow_overrides : dict
            The RunJobFlow request.
        """
        return next(self.active_clusters(job_flow_overrides["Name"], job_flow_overrides["Tags"]), None)

    def active_clusters(self, name: str, tags: Sequence[Mapping[str, str]]) -> Iterator[str]:
        """Yield the ids of the active clusters that have this name and these tags, newest first.

        Parameters
        ----------
        name : str
        tags : sequence of mapping
            In the shape of RunJobFlow: `Key` and `Value`.
        """
        return self._clusters(name, tags, ACTIVE_CLUSTER)

    def _clusters(
        self, name: str, tags: Sequence[Mapping[str, str]], states: Sequence[ClusterStateType]
    ) -> Iterator[str]:
        wanted = {(tag["Key"], tag["Value"]) for tag in tags}
        for page in self.emr_client.get_paginator("list_clusters").paginate(ClusterStates=states):
            for cluster in page["Clusters"]:
                if cluster["Name"] == name and wanted <= self._tags(cluster["Id"]):
                    yield cluster["Id"]

    def _tags(self, cluster_id: str) -> set[tuple[str, str]]:
        cluster = self.emr_client.describe_cluster(ClusterId=cluster_id)["Cluster"]
        return {(tag["Key"], tag["Value"]) for tag in cluster.get("Tags", ())}

    def terminate(self, job_flow_ids: Iterable[str]) -> None:
        """Terminate those of the clusters that are active."""
        active = [cluster for cluster in job_flow_ids if not self.end_reason(cluster)]
        if active:
            self.log.warning("clusters %s: still active, terminated", ", ".join(active))
            self.emr_client.terminate_job_flows(JobFlowIds=active)

    def end_reason(self, job_flow_id: str) -> str:
        """Return state and reason of a cluster that has ended or is ending; empty for an active cluster.

        For example `TERMINATED (USER_REQUEST: Terminated by user request)`.
        """
        status = self._status(job_flow_id)
        if status["State"] not in ENDED_CLUSTER:
            return ""
        reason = status.get("StateChangeReason", {})
        words = ": ".join(part for part in (reason.get("Code"), reason.get("Message")) if part)
        return f"{status['State']} ({words or 'EMR gives no reason'})"

    def _status(self, job_flow_id: str) -> ClusterStatusTypeDef:
        return self.emr_client.describe_cluster(ClusterId=job_flow_id)["Cluster"]["Status"]

    def present_cluster(self, job_flow_overrides: dict[str, Any], known: str) -> str:
        """Return the id of the run's cluster: the known one while it is active, else an active one of its request.

        Another cluster than the known one is active when a task of the run has launched it in place of a lost one.

        Parameters
        ----------
        job_flow_overrides : dict
            The RunJobFlow request.
        known : str
            The id in the XCom of the task that requested the cluster; a text that is no id when it has no XCom.

        Returns
        -------
        str
            `known` when no cluster is active.
        """
        if is_cluster_id(known) and not self.end_reason(known):
            return known
        return self.active_cluster(job_flow_overrides) or known

    def replace_lost(
        self, job_flow_overrides: dict[str, Any], lost: str, most: int, check: Callable[[], object]
    ) -> str:
        """Create a cluster in place of one that was lost, and return its id.

        Parameters
        ----------
        job_flow_overrides : dict
            The RunJobFlow request.
        lost : str
            Id of the cluster that has ended.
        most : int
            How many lost clusters of this request are replaced.
        check : callable
            Called before the new cluster. It raises when the run may not have one.

        Returns
        -------
        str
            Empty when the cluster has not ended, when its end was requested, or when more clusters were lost.
        """
        if not is_cluster_id(lost) or not is_loss(self._status(lost)):
            return ""
        losses = self._losses(job_flow_overrides["Name"], job_flow_overrides["Tags"])
        if losses > most:
            return ""
        check()
        found = str(self.create_job_flow(job_flow_overrides)["JobFlowId"])
        self.log.warning("cluster %s: %s; cluster %s replaces it", lost, self.end_reason(lost), found)
        return found

    def _losses(self, name: str, tags: Sequence[Mapping[str, str]]) -> int:
        return sum(is_loss(self._status(cluster)) for cluster in self._clusters(name, tags, ENDED_CLUSTER))

    def add_job_flow_steps(  # type: ignore[override]
        self, job_flow_id: str, steps: list[dict[str, Any]], *, execution_role_arn: str | None = None, **_: Any
    ) -> list[str]:
        """Add those steps that the cluster does not have yet, by a request that is sent once (see `send_once`).

        A step is reused when the cluster has one with the same name and the same command that is pending, running or
        completed. An unfinished step that has the name and another command is cancelled.

        Parameters
        ----------
        job_flow_id : str
            Id of the cluster.
        steps : list of dict
            Steps in the shape of AddJobFlowSteps. Each has another name.
        execution_role_arn : str, optional

        Returns
        -------
        list of str
            The step ids, in the order of `steps`.

        Raises
        ------
        botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError
            The request failed, and the cluster does not have its steps.
        """
        ids = self._reusable(job_flow_id, steps)
        for name, step_id in ids.items():
            self.log.info("step %s (%s): submitted by an earlier try of this run, reused", name, step_id)
        missing = [step for step in steps if step["Name"] not in ids]
        if missing:
            self._supersede(job_flow_id, missing)
            role = {"ExecutionRoleArn": execution_role_arn} if execution_role_arn else {}
            ids |= self._add_once(job_flow_id, missing, role)
        return [ids[step["Name"]] for step in steps]

    def _add_once(self, job_flow_id: str, steps: Any, role: dict[str, Any]) -> dict[str, str]:
        """Send an AddJobFlowSteps request so that it adds the steps once. Return the ids by name."""
        names = [step["Name"] for step in steps]

        def look() -> dict[str, str] | None:
            found = self._reusable(job_flow_id, steps)
            return found if found.keys() == {*names} else None

        def send() -> dict[str, str]:
            added = self._client_of_one_attempt().add_job_flow_steps(JobFlowId=job_flow_id, Steps=steps, **role)
            return dict(zip(names, added["StepIds"], strict=True))

        return send_once(look, send)[0]

    def _reusable(self, job_flow_id: str, steps: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        found = {step["Name"]: self.step_of(job_flow_id, step) for step in steps}
        return {name: step.id for name, step in found.items() if step and step.state in REUSABLE_STEP}

    def _supersede(self, job_flow_id: str, steps: Sequence[Mapping[str, Any]]) -> None:
        """Cancel the unfinished steps that have the name of one of `steps` and another command."""
        names = {step["Name"] for step in steps}
        others = [step.id for step in self._steps(job_flow_id, names) if step.state in UNFINISHED_STEP]
        if others:
            self.log.warning("steps %s: have the name of a step of this run, but another command", others)
            self.cancel(job_flow_id, others)

    def step_of(self, job_flow_id: str, request: Mapping[str, Any]) -> ClusterStep | None:
        """Return the cluster's latest step with the name and the command of a request, or None.

        An earlier step counts when it can be reused and the latest one cannot.

        Parameters
        ----------
        job_flow_id : str
        request : mapping
            A step in the shape of AddJobFlowSteps.
        """
        same = [step for step in self._steps(job_flow_id, {request["Name"]}) if step.has_command_of(request)]
        reusable = (step for step in same if step.state in REUSABLE_STEP)
        return next(reusable, next(iter(same), None))

    def failed_tries(self, job_flow_id: str, request: Mapping[str, Any]) -> int:
        """Return how many steps of the cluster with the name and the command of a request have failed."""
        steps = self._steps(job_flow_id, {request["Name"]})
        return sum(step.state == "FAILED" and step.has_command_of(request) for step in steps)

    def _steps(self, job_flow_id: str, names: Collection[str]) -> list[ClusterStep]:
        """Return the cluster's steps that have one of the names, latest first."""
        pages = self.emr_client.get_paginator("list_steps").paginate(ClusterId=job_flow_id)
        return [ClusterStep.of(step) for page in pages for step in page["Steps"] if step["Name"] in names]

    def step_ids(self, job_flow_id: str, names: Collection[str], states: Sequence[StepStateType]) -> dict[str, str]:
        """Return the ids by name of the cluster's latest steps that have one of the names and one of the states."""
        latest_first = [step for step in self._steps(job_flow_id, names) if step.state in states]
        return {step.name: step.id for step in reversed(latest_first)}

    def cancel(self, job_flow_id: str, step_ids: list[str]) -> None:
        """Cancel steps. The processes of running steps are terminated."""
        if step_ids:
            self.log.info("cluster %s: cancelling steps %s", job_flow_id, step_ids)
            self.emr_client.cancel_steps(
                ClusterId=job_flow_id, StepIds=step_ids, StepCancellationOption="TERMINATE_PROCESS"
            )
