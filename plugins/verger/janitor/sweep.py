"""Terminates the clusters that no DAG run uses, one after the other. Running it twice at once is safe."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from verger.clock import now
from verger.janitor.clusters import active_clusters
from verger.janitor.dag_runs import Count, runs_of
from verger.janitor.decision import Action, Cluster, decide
from verger.s3 import clients
from verger.settings import Janitor, Storage
from verger_contract.cluster_end import ClusterEnd
from verger_contract.keys import janitor_record, uri

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient

log = logging.getLogger(__name__)


@dataclass
class Swept:
    """What a sweep did.

    Attributes
    ----------
    terminated : list of ClusterEnd
        Clusters whose termination EMR accepted; in a dry run, those that a sweep would terminate.
    reported : list of str
        Clusters that need attention, one sentence each.
    failed : list of str
        Clusters that EMR did not terminate, one sentence each.
    """

    terminated: list[ClusterEnd] = field(default_factory=list)
    reported: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """Return all members as values that JSON has."""
        return asdict(self)


@dataclass(frozen=True)
class Sweep:
    """Terminates clusters.

    Attributes
    ----------
    storage : Storage
    janitor : Janitor
    emr : EMRClient
    count : callable
        Counts DAG runs: see `verger.janitor.dag_runs`.
    dry_run : bool
        Only find out what a sweep would terminate.
    """

    storage: Storage
    janitor: Janitor
    emr: EMRClient
    count: Count
    dry_run: bool = False

    def run(self) -> Swept:
        """Terminate every active cluster of this Airflow that no DAG run uses.

        The state of a DAG run is read directly before the request. An error of one cluster does not affect the others.

        Raises
        ------
        botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError
            EMR does not list the clusters.
        airflow.sdk.exceptions.AirflowRuntimeError
            Airflow does not answer: no cluster is terminated without its answer.
        """
        swept = Swept()
        deployment = self.janitor.deployment_of(self.storage.bucket)
        for cluster in active_clusters(self.emr, self.storage.bucket, deployment):
            self._handle(cluster, swept)
        if not swept.terminated and not swept.failed:
            log.info("no cluster of %s is unused", deployment)
        return swept

    def _handle(self, cluster: Cluster, swept: Swept) -> None:
        at = now()
        age_limit = timedelta(hours=self.janitor.janitor_age_hours)
        decision = decide(cluster, runs_of(cluster, self.count), at, age_limit)
        would = "would be " if self.dry_run else ""
        match decision.action:
            case Action.KEEP:
                log.info("cluster %s: kept: %s", cluster.id, decision.reason)
            case Action.REPORT:
                log.warning("cluster %s: not terminated: %s", cluster.id, decision.reason)
                swept.reported.append(f"cluster {cluster.id}: {decision.reason}")
            case Action.TERMINATE:
                log.warning("cluster %s: %sterminated: %s", cluster.id, would, decision.reason)
                end = _end(cluster, decision.reason, at)
                if self.dry_run:
                    swept.terminated.append(end)
                else:
                    self._terminate(end, swept)

    def _terminate(self, end: ClusterEnd, swept: Swept) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.emr.terminate_job_flows(JobFlowIds=[end["cluster"]])
        except (BotoCoreError, ClientError) as error:
            log.exception("cluster %s: EMR did not accept the termination", end["cluster"])
            swept.failed.append(f"cluster {end['cluster']}: EMR did not accept the termination: {error}")
            return
        swept.terminated.append(end)
        self._record(end)

    def _record(self, end: ClusterEnd) -> None:
        """Write the record for Verger's page. The cluster is terminated already, so an error is only logged."""
        key = janitor_record(end["cluster"])
        try:
            clients.write_json(clients.client(self.storage), self.storage.bucket, key, end)
        except Exception as error:  # noqa: BLE001 - any error, for the reason above
            log.warning("%s: not written, so Verger's page does not show it: %s", uri(self.storage.bucket, key), error)


def _end(cluster: Cluster, reason: str, at: datetime) -> ClusterEnd:
    return {
        "cluster": cluster.id,
        "dag": cluster.dag,
        "dag_run": cluster.dag_run,
        "run": cluster.run,
        "launched_at": cluster.launched_at.isoformat(),
        "requested_at": at.isoformat(),
        "reason": reason,
    }
