"""The state of one EMR server: its clusters, their supervisors, and the lock for both."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import ContainerProvider

from local_aws.cluster.model import ENDED, STEP_ENDED, Cluster, ClusterState, Ending, Instance, StepState
from local_aws.cluster.store import Store
from local_aws.credentials import load_or_create
from local_aws.emr.supervisor import Supervisor
from local_aws.iam.authority import Authority
from local_aws.node.bootstrap_actions import Bootstrapper, Host
from local_aws.node.folder import Node, container_environment
from local_aws.node.step_runner import StepRunner
from local_aws.processes.cluster import kill_cluster_processes
from local_aws.settings import Settings
from local_aws.yarn.cluster import YarnCluster

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)


class Service:
    """The clusters of one EMR server.

    Hold `lock` to read or change a cluster, and call `save` after a change.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.authority = Authority(settings.state, bool(settings.enforce))
        self.lock = threading.RLock()
        self.store = Store(settings.state / "emr")
        self.clusters: dict[str, Cluster] = {}
        self.security_configurations = self.store.security_configurations()
        self._supervisors: dict[str, Supervisor] = {}
        self.s3: S3Client = _session_of_nodes(settings).client(
            "s3",
            endpoint_url=settings.s3_endpoint,
            region_name=settings.region,
            config=Config(s3={"addressing_style": "path"}, connect_timeout=2, read_timeout=30, max_pool_connections=32),
        )

    def resume(self) -> None:
        """Load the clusters of an earlier server. Idle clusters continue, active ones end with a reason.

        The subreapers ended their processes together with the earlier server. Those of a killed subreaper end here.
        """
        for cluster in self.store.load_all():
            self.clusters[cluster.id] = cluster
            if cluster.state in ENDED:
                continue
            if left := kill_cluster_processes(cluster.id):
                log.warning("%s: killed processes %s of an earlier server", cluster.id, left)
            if cluster.state is not ClusterState.WAITING:
                self._mark_interrupted(cluster)
            self._supervise(cluster)

    def add(self, cluster: Cluster) -> None:
        """Add a new cluster and start it."""
        with self.lock:
            self.clusters[cluster.id] = cluster
            self.save(cluster)
            self._supervise(cluster)

    def save(self, cluster: Cluster) -> None:
        """Write a changed cluster to disk and wake its supervisor."""
        self.store.save(cluster)
        if (supervisor := self._supervisors.get(cluster.id)) is not None:
            supervisor.wake()

    def cancel_running(self, cluster: Cluster, step_id: str, at_once: bool) -> None:
        """End a running step: by SIGTERM first, or `at_once` by SIGKILL."""
        self._supervisors[cluster.id].cancel_step(step_id, at_once)

    def end(self, cluster: Cluster, ending: Ending) -> None:
        """Start the end of a cluster. The first reason is kept."""
        with self.lock:
            if cluster.ending is None:
                cluster.ending = ending
                self.save(cluster)
            self._supervisors[cluster.id].end_commands()

    def stop(self) -> None:
        """End all processes of all clusters. The next `resume` sets the states of the clusters."""
        supervisors = list(self._supervisors.values())
        for supervisor in supervisors:
            supervisor.abandon()
        for supervisor in supervisors:
            supervisor.join(20)

    def _supervise(self, cluster: Cluster) -> None:
        node = Node(self.settings, cluster.id)
        environment = node.environment()
        supervisor = Supervisor(
            cluster,
            node,
            Bootstrapper(cluster, self._host(cluster.primary_instance, node), self.s3, self._workers(cluster, node)),
            StepRunner(cluster, node, self.settings, environment, self.s3),
            yarn=self._yarn(cluster, node) if cluster.yarn else None,
            lock=self.lock,
            save=self.save,
        )
        self._supervisors[cluster.id] = supervisor
        supervisor.start()

    def _host(self, instance: Instance, node: Node) -> Host:
        return Host(instance, node, node.environment() | container_environment(self.settings))

    def _workers(self, cluster: Cluster, node: Node) -> tuple[Host, ...]:
        """Return the workers that run bootstrap actions of their own: those of a cluster with YARN."""
        instances = [instance for group in cluster.workers if cluster.yarn for instance in group.instances]
        return tuple(self._host(instance, node.worker(instance.ec2_id)) for instance in instances)

    def _yarn(self, cluster: Cluster, node: Node) -> YarnCluster:
        return YarnCluster(
            cluster,
            node,
            self.settings,
            s3=self.s3,
            lost=lambda instance: self._supervisors[cluster.id].lose(instance),  # noqa: PLW0108 (it exists later)
        )

    def _mark_interrupted(self, cluster: Cluster) -> None:
        if cluster.ending is None:
            cluster.ending = Ending(
                "INTERNAL_ERROR",
                f"The local EMR server was stopped while the cluster was {cluster.state}; its processes were ended",
                ClusterState.TERMINATED_WITH_ERRORS,
            )
        for step in cluster.steps:
            if step.state not in STEP_ENDED:
                step.state = StepState.CANCELLED if step.state is StepState.PENDING else StepState.INTERRUPTED
                step.message = "The local EMR server was stopped"


def _session_of_nodes(settings: Settings) -> boto3.Session:
    """Return a session with the credentials of the nodes, which download bootstrap actions and upload logs."""
    if not settings.enforce:
        own = load_or_create(settings.state)
        return boto3.Session(own.access_key_id, own.secret_access_key)
    session = botocore.session.Session()
    provider = ContainerProvider(environ=container_environment(settings))
    session.get_component("credential_provider").insert_before("env", provider)
    return boto3.Session(botocore_session=session)
