"""Translate `spark-submit ARGS` of a step to a command for this machine. The module has pure functions only.

On EMR `spark-submit` runs on YARN; here it runs `local[N]` in client mode (`yarn_submit.py` is for clusters with YARN).
All other options are kept, with the precedence of EMR: `--conf` of the step, then the classifications of the cluster,
then the defaults. As on EMR, the classifications are written to a spark-defaults.conf.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_aws.spark.syntax import mebibytes, split_options

#: Options for the place of a program and its number of executors. They are left out.
PLACEMENT = frozenset({
    "--master", "--deploy-mode", "--num-executors", "--executor-cores", "--executor-memory", "--total-executor-cores",
    "--driver-cores", "--queue", "--principal", "--keytab",
})  # fmt: skip
PLACEMENT_PROPERTIES = frozenset({
    "spark.master", "spark.submit.deployMode", "spark.executor.instances", "spark.executor.cores", "spark.driver.cores",
    "spark.executor.memory", "spark.executor.memoryOverhead", "spark.driver.memoryOverhead", "spark.yarn.queue",
    "spark.dynamicAllocation.enabled", "spark.shuffle.service.enabled", "spark.yarn.submit.waitAppCompletion",
})  # fmt: skip
APP_MASTER_ENV = "spark.yarn.appMasterEnv."
#: The last two of S3A's default: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, else the metadata service of the node.
CREDENTIALS = (
    "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider,"
    "org.apache.hadoop.fs.s3a.auth.IAMInstanceCredentialsProvider"
)
#: An S3A committer writes files to their final keys and makes them visible at the commit of the job, as on EMR. No file
#: is renamed, which on S3 is a copy. The magic committer of S3A is not used: it leaves empty folders in SeaweedFS.
S3A_COMMITTER = {
    "spark.hadoop.fs.s3a.committer.name": "directory",
    "spark.hadoop.fs.s3a.committer.staging.conflict-mode": "append",
    "spark.hadoop.mapreduce.outputcommitter.factory.scheme.s3": "org.apache.hadoop.fs.s3a.commit.S3ACommitterFactory",
    "spark.sql.sources.commitProtocolClass": "org.apache.spark.internal.io.cloud.PathOutputCommitProtocol",
    "spark.sql.parquet.output.committer.class": "org.apache.spark.internal.io.cloud.BindingParquetOutputCommitter",
}
#: Classifications with properties of Hadoop.
HADOOP_FILES = frozenset({"core-site", "hdfs-site", "emrfs-site", "yarn-site", "mapred-site"})


@dataclass(frozen=True)
class Machine:
    """The resources of this machine for a step. `scratch` is a folder for temporary files of Spark."""

    spark_home: Path
    spark_version: str
    java_home: Path
    python: Path
    cores: int
    driver_memory_mib: int
    s3_endpoint: str
    region: str
    scratch: Path
    jars: Path | None


@dataclass
class Launch:
    """A command: its arguments, additions to its environment, its spark-defaults.conf, and notes on changed options."""

    argv: list[str]
    environment: dict[str, str]
    defaults: dict[str, str]
    notes: list[str] = field(default_factory=list)


def launch(args: list[str], configurations: Iterable[Mapping[str, Any]], machine: Machine) -> Launch:
    """Return the local command for `spark-submit *args` on a cluster with these EMR configurations."""
    plan = Launch([], _environment(machine), _base_defaults(machine))
    for configuration in configurations:
        _apply(configuration, plan)
    plan.defaults.update(_own_properties(machine))
    options, application = split_options(args)
    program = str(machine.spark_home / "bin" / "spark-submit")
    plan.argv = [program, "--master", f"local[{machine.cores}]", "--deploy-mode", "client"]
    for option, value in options:
        _keep(option, value, plan)
    if any(option == "--properties-file" for option, _ in options) and machine.spark_version >= "4":
        plan.argv.append("--load-spark-defaults")
    _cap_memory(plan, machine)
    plan.argv += application
    return plan


def _keep(option: str, value: str | None, plan: Launch) -> None:
    if option in PLACEMENT:
        plan.notes.append(f"{option} {value}: left out, Spark runs local[N] in client mode")
    elif option == "--conf" and value is not None:
        key, _, setting = value.partition("=")
        if key in PLACEMENT_PROPERTIES:
            plan.notes.append(f"--conf {key}: left out, Spark runs local[N] in client mode")
        elif key.startswith(APP_MASTER_ENV):
            plan.environment[key.removeprefix(APP_MASTER_ENV)] = setting
        else:
            plan.argv += [option, value]
    else:
        plan.argv += [option] if value is None else [option, value]


def _apply(configuration: Mapping[str, Any], plan: Launch) -> None:
    """Apply one entry of the Configurations of the cluster, with its nested entries."""
    name = configuration.get("Classification", "")
    properties: Mapping[str, str] = configuration.get("Properties") or {}
    if name == "spark-defaults":
        _apply_spark_defaults(properties, plan)
    elif name == "spark-env":
        for nested in configuration.get("Configurations") or []:
            if nested.get("Classification") == "export":
                export(nested.get("Properties") or {}, plan)
    elif name in HADOOP_FILES:
        plan.defaults.update({f"spark.hadoop.{key}": value for key, value in properties.items()})
    elif name == "spark":
        if str(properties.get("maximizeResourceAllocation", "")).lower() == "true":
            plan.notes.append("maximizeResourceAllocation: ignored, local[N] uses all cores of this machine")
    else:
        plan.notes.append(f"classification {name}: ignored, a local Spark does not use it")


def _apply_spark_defaults(properties: Mapping[str, str], plan: Launch) -> None:
    for key, value in properties.items():
        if key.startswith(APP_MASTER_ENV):
            plan.environment[key.removeprefix(APP_MASTER_ENV)] = value
        elif key not in PLACEMENT_PROPERTIES:
            plan.defaults[key] = value


def export(variables: Mapping[str, str], plan: Launch) -> None:
    """Add the variables of a classification `export` to the environment, with references to other variables."""
    for name, value in variables.items():
        plan.environment[name] = _expand(value, plan.environment)


def _base_defaults(machine: Machine) -> dict[str, str]:
    """Return the defaults. A classification or an option of the step may replace them."""
    return {
        "spark.driver.memory": f"{machine.driver_memory_mib}m",
        "spark.eventLog.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.warehouse.dir": str(machine.scratch / "warehouse"),
        **(S3A_COMMITTER if machine.jars is not None else {}),
    }


def _own_properties(machine: Machine) -> dict[str, str]:
    """Return the properties that no classification may replace: loopback only, the local S3."""
    return {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        **s3_properties(machine.s3_endpoint, machine.region, machine.scratch),
    }


def s3_properties(endpoint: str, region: str, scratch: Path) -> dict[str, str]:
    """Return the properties of Spark for `s3://` on the local S3."""
    s3a = {
        "fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "fs.AbstractFileSystem.s3.impl": "org.apache.hadoop.fs.s3a.S3A",
        "fs.s3a.endpoint": endpoint,
        "fs.s3a.endpoint.region": region,
        "fs.s3a.path.style.access": "true",
        "fs.s3a.connection.ssl.enabled": "false",
        # Credentials are in the environment only, not on the command line and not in a file.
        "fs.s3a.aws.credentials.provider": CREDENTIALS,
        "fs.s3a.buffer.dir": str(scratch / "s3a"),
        "fs.s3a.committer.staging.tmp.path": str(scratch / "committing"),
        "hadoop.tmp.dir": str(scratch / "hadoop"),
    }
    return {f"spark.hadoop.{key}": value for key, value in s3a.items()}


def _environment(machine: Machine) -> dict[str, str]:
    environment = {
        "SPARK_HOME": str(machine.spark_home),
        "JAVA_HOME": str(machine.java_home),
        "PYSPARK_PYTHON": str(machine.python),
        "SPARK_LOCAL_DIRS": str(machine.scratch / "spark"),
        "SPARK_LOCAL_IP": "127.0.0.1",
        # Downloads of spark-submit are removed with the cluster too.
        "SPARK_SUBMIT_OPTS": f"-Djava.io.tmpdir={machine.scratch}",
    }
    if machine.jars is not None:
        environment["SPARK_DIST_CLASSPATH"] = f"{machine.jars}/*"
    return environment


def _cap_memory(plan: Launch, machine: Machine) -> None:
    """Lower the heap of a driver, which is sized for a node of a cluster, to the limit of this machine."""
    limit = f"{machine.driver_memory_mib}m"
    if mebibytes(plan.defaults["spark.driver.memory"]) > machine.driver_memory_mib:
        plan.notes.append(f"spark.driver.memory {plan.defaults['spark.driver.memory']}: lowered to {limit}")
        plan.defaults["spark.driver.memory"] = limit
    for index, argument in enumerate(plan.argv[1:], start=1):
        size = argument.removeprefix("spark.driver.memory=")
        if plan.argv[index - 1] == "--driver-memory" and mebibytes(argument) > machine.driver_memory_mib:
            plan.argv[index] = limit
        elif plan.argv[index - 1] == "--conf" and size != argument and mebibytes(size) > machine.driver_memory_mib:
            plan.argv[index] = f"spark.driver.memory={limit}"
        else:
            continue
        plan.notes.append(f"{argument}: lowered to {limit}")


def _expand(value: str, environment: Mapping[str, str]) -> str:
    """Replace `$NAME` and `${NAME}`, as the shell that reads spark-env.sh does."""
    known = {**os.environ, **environment}
    return re.sub(r"\$(\w+)|\$\{(\w+)\}", lambda match: known.get(match[1] or match[2], ""), value)
