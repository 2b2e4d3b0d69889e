"""The YARN of one cluster, from its bootstrap to its end."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from local_aws.cluster.model import Cluster, Instance, NodeGroup
from local_aws.cluster.resources import of_group, of_workers
from local_aws.node.command import Command
from local_aws.node.folder import Node
from local_aws.node.log_upload import LogFolder
from local_aws.settings import Settings
from local_aws.spark import java
from local_aws.spark.jars import spark_home
from local_aws.yarn import configuration, daemons, jars, resource_manager
from local_aws.yarn.configuration import Worker
from local_aws.yarn.container_logs import ContainerLogs
from local_aws.yarn.daemons import Daemon, Program

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)

#: Seconds that the daemons may take until all NodeManagers are registered.
START_TIMEOUT_S = 120.0


class YarnError(Exception):
    """The daemons cannot be started. The message names the reason."""


class YarnCluster:
    """A ResourceManager on the primary node, and a NodeManager on each worker.

    Parameters
    ----------
    cluster : Cluster
        A cluster whose instances have addresses.
    node : Node
        Its primary node.
    settings : Settings
    lost : callable
        Is called with an instance whose daemon has ended by itself.
    """

    def __init__(
        self,
        cluster: Cluster,
        node: Node,
        settings: Settings,
        *,
        s3: S3Client,
        lost: Callable[[Instance], None],
    ) -> None:
        self._cluster = cluster
        self._node = node
        self._settings = settings
        self._s3 = s3
        self._lost = lost
        self._daemons: dict[str, Daemon] = {}
        self._container_logs: ContainerLogs | None = None
        self._stopping = False

    def start(self) -> None:
        """Start all daemons; do not wait for them.

        Raises
        ------
        YarnError
            When the jars or Java are missing.
        """
        primary = self._cluster.primary_instance
        try:
            largest = of_workers(self._cluster, self._settings.yarn_scale)[-1]
            home = spark_home(self._settings.spark_venv)
            program = Program(
                java.java_home(self._settings.spark_venv),
                (jars.find(home, self._settings.jars), home / "jars"),
            )
        except (FileNotFoundError, ValueError) as error:
            raise YarnError(str(error)) from error
        given = configuration.classified(self._cluster.request.get("Configurations") or [])
        client = configuration.client_files(given, primary.private_ip, largest, self._node.scratch)
        configuration.write(client, self._node.hadoop_configuration, daemon=False)
        self._start(primary, self._node, replace(program, main=daemons.RESOURCE_MANAGER), client)
        for group, instance in self._instances():
            node = self._node.worker(instance.ec2_id)
            node.prepare()
            resources = of_group(group, self._cluster, self._settings.yarn_scale)
            logs = self._logs_of(instance)
            worker = Worker(instance.private_ip, resources, node.home, node.scratch, logs)
            files = configuration.node_files(client, given, worker)
            self._start(instance, node, replace(program, main=daemons.NODE_MANAGER), files)
        uri = f"{self._cluster.log_uri}/{self._cluster.id}/containers" if self._cluster.log_uri else None
        folders = [self._logs_of(instance) for _, instance in self._instances()]
        self._container_logs = ContainerLogs(folders, uri, self._s3, self._settings.container_log_s)
        self._container_logs.start()

    def wait_ready(self, ends: Callable[[], bool]) -> None:
        """Wait until all NodeManagers that are not lost are registered, or until `ends` returns True.

        Raises
        ------
        YarnError
            When they are not within START_TIMEOUT_S seconds.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        primary = self._cluster.primary_instance
        while not ends():
            missing = {instance.private_ip for _, instance in self._instances()}
            missing -= resource_manager.running_nodes(primary.private_ip)
            if not missing:
                return
            if time.monotonic() > deadline:
                raise YarnError(
                    f"NodeManagers {', '.join(sorted(missing))}: not registered after {START_TIMEOUT_S:.0f} s; see"
                    f" {self._node.logs}/node/*/applications/hadoop-yarn/stderr"
                )
            time.sleep(0.2)

    def stop(self) -> None:
        """End all daemons and containers at once, as the end of their instances does; upload the last logs."""
        self._stopping = True
        for daemon in self._daemons.values():
            daemon.kill()
        for daemon in self._daemons.values():
            daemon.join()
        if self._container_logs is not None:
            self._container_logs.end()

    def lose(self, instance: Instance) -> None:
        """End the daemon of an instance with its containers. Their logs since the last upload are lost, as on EMR."""
        if (daemon := self._daemons.pop(instance.ec2_id, None)) is not None:
            daemon.kill()
        self._node.worker(instance.ec2_id).discard()
        shutil.rmtree(self._logs_of(instance), ignore_errors=True)

    def _instances(self) -> list[tuple[NodeGroup, Instance]]:
        return [(group, instance) for group in self._cluster.workers for instance in group.running]

    def _logs_of(self, instance: Instance) -> Path:
        return self._node.logs / "node" / instance.ec2_id / "containers"

    def _start(self, instance: Instance, node: Node, program: Program, files: configuration.Files) -> None:
        folder = node.scratch / "daemon"
        configuration.write(files, folder, daemon=True)
        path = f"node/{instance.ec2_id}/applications/hadoop-yarn"
        logs = LogFolder.of_cluster(self._cluster, node, path, self._s3)
        environment = {
            **node.environment(),
            "JAVA_HOME": str(program.java_home),
            "SPARK_LOCAL_IP": instance.private_ip,
            "SPARK_LOCAL_HOSTNAME": instance.private_ip,
        }
        command = Command(program.command_line(folder), {**environment, "HADOOP_USER_NAME": daemons.USER}, logs)
        name = f"{self._cluster.id}-{instance.ec2_id}"
        daemon = Daemon(name, command, node.daemon, lambda: self._ended(instance))
        self._daemons[instance.ec2_id] = daemon
        daemon.start()

    def _ended(self, instance: Instance) -> None:
        if not self._stopping:
            self._lost(instance)
