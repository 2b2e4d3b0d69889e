"""The configuration files of Hadoop for one cluster. The module has pure functions, except `write`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from local_aws.cluster.resources import SMALLEST_CONTAINER_MIB, Resources
from local_aws.processes.cluster import MARKER

Properties = dict[str, str]
#: Properties by the name of the file, such as `yarn-site`.
Files = dict[str, Properties]

#: Variables of a NodeManager that its containers get. AWS gives credentials to a node by its instance profile, and
#: endpoints by DNS; here both are variables. AWS_REGION is not among them: on EMR no container has it by itself.
CONTAINER_VARIABLES = (
    "JAVA_HOME", "PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SPARK_LOCAL_IP", "SPARK_LOCAL_HOSTNAME",
    "AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_METADATA_ENDPOINT", MARKER,
)  # fmt: skip
#: Classifications of EMR that are files of Hadoop.
SITE_FILES = ("core-site", "yarn-site", "capacity-scheduler", "hdfs-site", "mapred-site", "emrfs-site")
#: Seconds without a heartbeat after which a NodeManager is lost. Hadoop's default is ten minutes, but in AWS the
#: controller of EMR reports a terminated instance at once.
EXPIRY_S = 12
LOG4J = """\
rootLogger.level=info
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.target=SYSTEM_ERR
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n
"""


@dataclass(frozen=True)
class Worker:
    """A node with a NodeManager.

    Attributes
    ----------
    address : str
        Its address in the network 127.0.0.0/8.
    resources : Resources
        What YARN may give to its containers.
    home, scratch, container_logs : Path
        Its folders.
    """

    address: str
    resources: Resources
    home: Path
    scratch: Path
    container_logs: Path


def classified(configurations: Iterable[Mapping[str, Any]]) -> Files:
    """Return the properties of the Configurations of a RunJobFlow request that are files of Hadoop."""
    files: Files = {name: {} for name in SITE_FILES}
    for configuration in configurations:
        name = str(configuration.get("Classification"))
        if name in files:
            files[name].update(configuration.get("Properties") or {})
    return files


def client_files(given: Files, primary: str, largest: Resources, folder: Path) -> Files:
    """Return the files for spark-submit and for the ResourceManager.

    Parameters
    ----------
    given : Files
        Properties of the classifications. They replace EMR's defaults, but not the addresses and folders.
    primary : str
        Address of the ResourceManager.
    largest : Resources
        Resources of the largest worker: the limit of a container.
    folder : Path
        Folder for temporary files.
    """
    own = {
        "core-site": {"fs.defaultFS": "file:///", "hadoop.tmp.dir": str(folder / "hadoop")},
        "yarn-site": {"yarn.resourcemanager.hostname": primary, "yarn.resourcemanager.bind-host": primary},
    }
    return {name: {**_defaults(largest).get(name, {}), **given[name], **own.get(name, {})} for name in SITE_FILES}


def node_files(client: Files, given: Files, worker: Worker) -> Files:
    """Return the files of one NodeManager.

    Parameters
    ----------
    client : Files
        The files of `client_files`.
    given : Files
        Properties of the classifications.
    worker : Worker
        The node.
    """
    sizes = {
        "yarn.nodemanager.resource.memory-mb": str(worker.resources.memory_mib),
        "yarn.nodemanager.resource.cpu-vcores": str(worker.resources.vcpus),
    }
    own = {
        "yarn.resourcemanager.hostname": client["yarn-site"]["yarn.resourcemanager.hostname"],
        "yarn.nodemanager.hostname": worker.address,
        "yarn.nodemanager.bind-host": worker.address,
        "yarn.nodemanager.address": f"{worker.address}:8041",
        "yarn.nodemanager.local-dirs": str(worker.scratch / "yarn"),
        "yarn.nodemanager.log-dirs": str(worker.container_logs),
        "yarn.nodemanager.user-home-dir": str(worker.home),
        "yarn.nodemanager.env-whitelist": ",".join(CONTAINER_VARIABLES),
    }
    core = {**client["core-site"], "hadoop.tmp.dir": str(worker.scratch / "hadoop")}
    return {**client, "core-site": core, "yarn-site": {**client["yarn-site"], **sizes, **given["yarn-site"], **own}}


def _defaults(largest: Resources) -> Files:
    """Return EMR's defaults, and what makes YARN fit on one machine."""
    return {
        "yarn-site": {
            "yarn.scheduler.minimum-allocation-mb": str(SMALLEST_CONTAINER_MIB),
            "yarn.scheduler.maximum-allocation-mb": str(largest.memory_mib),
            "yarn.scheduler.maximum-allocation-vcores": "128",
            "yarn.nodemanager.pmem-check-enabled": "true",
            "yarn.nodemanager.vmem-check-enabled": "false",
            # The monitor of the NodeManager kills a container over its memory. With `true` cgroups would do it.
            "yarn.nodemanager.resource.memory.enforced": "false",
            "yarn.nodemanager.container-monitor.interval-ms": "1000",
            "yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": "250",
            "yarn.nm.liveness-monitor.expiry-interval-ms": str(EXPIRY_S * 1000),
            "yarn.resourcemanager.nm.liveness-monitor.interval-ms": "1000",
            "yarn.nodemanager.disk-health-checker.enable": "false",
            "yarn.nodemanager.log-container-debug-info.enabled": "false",
            "yarn.log-aggregation-enable": "false",
            "yarn.timeline-service.enabled": "false",
            "yarn.application.classpath": "",
        },
        "capacity-scheduler": {
            "yarn.scheduler.capacity.root.queues": "default",
            "yarn.scheduler.capacity.root.default.capacity": "100",
        },
    }


def write(files: Files, folder: Path, *, daemon: bool) -> None:
    """Write the files to `folder`, for a daemon with its logging."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, properties in files.items():
        lines = [
            f"<property><name>{escape(key)}</name><value>{escape(value)}</value></property>"
            for key, value in sorted(properties.items())
        ]
        text = "\n".join(["<configuration>", *lines, "</configuration>", ""])
        (folder / f"{name}.xml").write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}', encoding="utf-8")
    if daemon:
        (folder / "log4j2.properties").write_text(LOG4J)
