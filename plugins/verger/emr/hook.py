"""An EMR hook that makes nothing twice: neither RunJobFlow nor AddJobFlowSteps takes a client token."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from airflow.providers.amazon.aws.hooks.emr import EmrHook

LIVING_CLUSTER = ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"]
USABLE_STEP = ["PENDING", "RUNNING", "COMPLETED"]
ENDED_CLUSTER = ["TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"]
UNFINISHED_STEP = ["PENDING", "RUNNING", "CANCEL_PENDING"]


class AdoptingEmrHook(EmrHook):
    """Creates clusters and steps, or adopts what an earlier try of the same run has already made."""

    def create_job_flow(self, job_flow_overrides: dict[str, Any]) -> dict[str, Any]:
        """Run a job flow, unless a living one carries the same name and tags; then answer with that one."""
        found = self.living_cluster(job_flow_overrides)
        if not found:
            return super().create_job_flow(job_flow_overrides)
        self.log.info("cluster %s was made by an earlier try of this run: adopted", found)
        return {"JobFlowId": found, "ResponseMetadata": {"HTTPStatusCode": 200}}

    def living_cluster(self, job_flow_overrides: dict[str, Any]) -> str | None:
        """Id of the living cluster that was made from this very request, found by its name, then by its tags."""
        wanted = {(tag["Key"], tag["Value"]) for tag in job_flow_overrides["Tags"]}
        for page in self.conn.get_paginator("list_clusters").paginate(ClusterStates=LIVING_CLUSTER):
            for cluster in page["Clusters"]:
                if cluster["Name"] == job_flow_overrides["Name"] and wanted <= self._tags(cluster["Id"]):
                    return str(cluster["Id"])
        return None

    def _tags(self, cluster_id: str) -> set[tuple[str, str]]:
        cluster = self.conn.describe_cluster(ClusterId=cluster_id)["Cluster"]
        return {(tag["Key"], tag["Value"]) for tag in cluster.get("Tags", ())}

    def end(self, job_flow_id: str) -> str:
        """State of a cluster that is over or ending, and EMR's reason; empty while it lives."""
        status = self.conn.describe_cluster(ClusterId=job_flow_id)["Cluster"]["Status"]
        if status["State"] not in ENDED_CLUSTER:
            return ""
        reason = status.get("StateChangeReason", {})
        words = ": ".join(part for part in (reason.get("Code"), reason.get("Message")) if part)
        return f"{status['State']} ({words or 'EMR gives no reason'})"

    def add_job_flow_steps(  # type: ignore[override]
        self, job_flow_id: str, steps: list[dict[str, Any]], **options: Any
    ) -> list[str]:
        """Add the steps, except those that the cluster already has, by name, and that neither failed nor were
        cancelled. Returns the ids in the order of `steps`.
        """
        ids = self.step_ids(job_flow_id, [step["Name"] for step in steps], USABLE_STEP)
        for name, step_id in ids.items():
            self.log.info("step %s (%s) was submitted by an earlier try of this run: adopted", name, step_id)
        missing = [step for step in steps if step["Name"] not in ids]
        if missing:
            added = super().add_job_flow_steps(job_flow_id, missing, **options)
            ids.update(zip((step["Name"] for step in missing), added, strict=True))
        return [ids[step["Name"]] for step in steps]

    def step_ids(self, job_flow_id: str, names: Collection[str], states: list[str]) -> dict[str, str]:
        """Name to id of the cluster's steps that have one of the names and one of the states; the latest wins."""
        pages = self.conn.get_paginator("list_steps").paginate(ClusterId=job_flow_id, StepStates=states)
        latest_first = [step for page in pages for step in page["Steps"] if step["Name"] in names]
        return {step["Name"]: step["Id"] for step in reversed(latest_first)}

    def cancel(self, job_flow_id: str, step_ids: list[str]) -> None:
        """Cancel steps, running ones included."""
        if step_ids:
            self.log.info("cancelling steps %s of %s", step_ids, job_flow_id)
            self.conn.cancel_steps(ClusterId=job_flow_id, StepIds=step_ids, StepCancellationOption="TERMINATE_PROCESS")
