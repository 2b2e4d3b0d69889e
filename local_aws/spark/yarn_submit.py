"""The environment and the defaults of `spark-submit ARGS` on the YARN of a local cluster. Pure functions only.

The arguments are not changed. As on EMR, `--conf` of the step replaces the classifications of the cluster, and these
replace EMR's defaults. The few properties that bind a step to this machine are set last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_aws.spark.submit import S3A_COMMITTER, Launch, export, s3_properties
from local_aws.spark.syntax import split_options

#: Classifications that become files of Hadoop, and are applied to the daemons too.
HADOOP = frozenset({"core-site", "yarn-site", "capacity-scheduler", "hdfs-site", "mapred-site", "emrfs-site"})
#: Differences to EMR that every step has.
NOTES = (
    "spark.shuffle.service.enabled: false with shuffle tracking, because the external shuffle service of YARN is not on"
    " Maven Central",
    "spark.ui.enabled: false",
    "fs.defaultFS: files of this machine instead of HDFS",
)
#: Default of Spark for the memory outside the heap: a tenth of the heap, and at least 384 MiB.
OVERHEAD_FACTOR, OVERHEAD_MIB = 0.1, 384


@dataclass(frozen=True)
class YarnMachine:
    """The primary node of a cluster, and the sizes of its workers.

    Attributes
    ----------
    spark_home, java_home, python : Path
        Programs of the node.
    address : str
        Address of the primary node.
    configuration : Path
        Folder of the files of Hadoop.
    scratch : Path
        Folder for temporary files, which all nodes see.
    jars : Path, optional
        Folder of the S3A jars.
    worker_memory_mib, worker_vcpus : int
        What YARN may give to containers on the smallest worker.
    """

    spark_home: Path
    spark_version: str
    java_home: Path
    python: Path
    address: str
    configuration: Path
    scratch: Path
    s3_endpoint: str
    region: str
    jars: Path | None
    worker_memory_mib: int
    worker_vcpus: int


def launch(args: list[str], configurations: Iterable[Mapping[str, Any]], machine: YarnMachine) -> Launch:
    """Return the command for `spark-submit *args` on a cluster with these EMR configurations."""
    plan = Launch([], _environment(machine), _defaults(machine), list(NOTES))
    for configuration in configurations:
        _apply(configuration, plan)
    plan.defaults.update(_own_properties(machine))
    options, _ = split_options(args)
    named = any(option == "--properties-file" for option, _ in options) and machine.spark_version >= "4"
    plan.argv = [
        str(machine.spark_home / "bin" / "spark-submit"),
        *(["--load-spark-defaults"] if named else []),
        *args,
    ]
    return plan


def _apply(configuration: Mapping[str, Any], plan: Launch) -> None:
    name = str(configuration.get("Classification", ""))
    properties: Mapping[str, str] = configuration.get("Properties") or {}
    if name == "spark-defaults":
        plan.defaults.update(properties)
    elif name == "spark-env":
        for nested in configuration.get("Configurations") or []:
            if nested.get("Classification") == "export":
                export(nested.get("Properties") or {}, plan)
    elif name == "spark" and str(properties.get("maximizeResourceAllocation", "")).lower() == "true":
        plan.notes.append("maximizeResourceAllocation: ignored; set spark.executor.cores and spark.executor.memory")
    elif name not in HADOOP:
        plan.notes.append(f"classification {name}: ignored, no program here uses it")


def _defaults(machine: YarnMachine) -> dict[str, str]:
    """Return EMR's defaults. A classification or an option of the step may replace them.

    AWS does not publish how it chooses the executors of an instance type. Here two fill the smallest worker.
    """
    half = machine.worker_memory_mib // 2
    heap = max(512, min(half - OVERHEAD_MIB, int(half / (1 + OVERHEAD_FACTOR))))
    events = machine.scratch / "spark-events"
    return {
        "spark.master": "yarn",
        "spark.submit.deployMode": "client",
        "spark.driver.memory": "2048m",
        "spark.executor.cores": str(max(1, machine.worker_vcpus // 2)),
        "spark.executor.memory": f"{heap}m",
        "spark.dynamicAllocation.enabled": "true",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": events.as_uri(),
        "spark.sql.warehouse.dir": (machine.scratch / "warehouse").as_uri(),
        **(S3A_COMMITTER if machine.jars is not None else {}),
    }


def _own_properties(machine: YarnMachine) -> dict[str, str]:
    """Return the properties that no classification may replace."""
    folders = [machine.spark_home / "jars", *([machine.jars] if machine.jars is not None else [])]
    s3 = s3_properties(machine.s3_endpoint, machine.region, machine.scratch)
    del s3["spark.hadoop.fs.s3a.buffer.dir"]  # its default is a folder of the container
    return {
        "spark.yarn.jars": ",".join(f"local:{folder}/*" for folder in folders),
        "spark.yarn.stagingDir": (machine.scratch / "staging").as_uri(),
        "spark.shuffle.service.enabled": "false",
        "spark.dynamicAllocation.shuffleTracking.enabled": "true",
        "spark.ui.enabled": "false",
        **s3,
    }


def _environment(machine: YarnMachine) -> dict[str, str]:
    environment = {
        "SPARK_HOME": str(machine.spark_home),
        "JAVA_HOME": str(machine.java_home),
        "PYSPARK_PYTHON": str(machine.python),
        "HADOOP_CONF_DIR": str(machine.configuration),
        "YARN_CONF_DIR": str(machine.configuration),
        "HADOOP_USER_NAME": "hadoop",
        "SPARK_LOCAL_DIRS": str(machine.scratch / "spark"),
        "SPARK_LOCAL_IP": machine.address,
        "SPARK_LOCAL_HOSTNAME": machine.address,
        # Downloads of spark-submit are removed with the cluster too.
        "SPARK_SUBMIT_OPTS": f"-Djava.io.tmpdir={machine.scratch}",
    }
    if machine.jars is not None:
        environment["SPARK_DIST_CLASSPATH"] = f"{machine.jars}/*"
    return environment
