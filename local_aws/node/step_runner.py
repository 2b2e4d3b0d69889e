"""Run steps: command-runner.jar runs any command, and `spark-submit` with the local Spark."""

from __future__ import annotations

import logging
import shlex
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from local_aws.cluster import releases
from local_aws.cluster.model import Cluster, Failure, Step
from local_aws.cluster.resources import of_workers
from local_aws.node.command import Command, RunningCommands
from local_aws.node.folder import Node, interpreter
from local_aws.node.log_upload import LogFolder
from local_aws.settings import Settings
from local_aws.spark import home, jars, java, submit, yarn_submit
from local_aws.spark.syntax import properties_text

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)


#: Variables of the region in the environment of a node.
REGION = ("AWS_REGION", "AWS_DEFAULT_REGION")


class StepError(Exception):
    """A step cannot be started. The message is the reason in FailureDetails."""


@dataclass(frozen=True)
class StepRunner:
    """Run the steps of one cluster. `environment` is the environment of every process of the node."""

    cluster: Cluster
    node: Node
    settings: Settings
    environment: dict[str, str]
    s3: S3Client

    def run(self, step: Step, commands: RunningCommands) -> Failure | None:
        """Run a step to its end with its logs on S3. Return None when it succeeded. Raise nothing."""
        logs = LogFolder.of_cluster(self.cluster, self.node, f"steps/{step.id}", self.s3)
        started = time.monotonic()
        try:
            code = commands.run(step.id, self._command(step, logs))
        except StepError as error:
            failure: Failure | None = Failure(str(error), str(error), logs.uri_of("controller"))
            logs.note(str(error))
        except Exception as error:
            log.exception("%s: could not be run", step.id)
            failure = Failure("Unknown Error.", f"local_aws failed: {error!r}", logs.uri_of("controller"))
        else:
            failure = None if code == 0 else _failure(code, logs)
            note_end(code, time.monotonic() - started, logs)
        logs.upload()
        return failure

    def _command(self, step: Step, logs: LogFolder) -> Command:
        """Return the command of a step. The log of the controller gets the differences to EMR.

        Raises
        ------
        StepError
            For a step that this machine cannot run.
        """
        jar = step.jar.rsplit("/", 1)[-1]
        if jar != "command-runner.jar":
            raise StepError(
                f"{step.jar}: local_aws runs steps of command-runner.jar only, because this machine has no Hadoop"
            )
        if not step.args:
            raise StepError("command-runner.jar: Args is empty; expected the command to run, such as spark-submit")
        if step.args[0].rsplit("/", 1)[-1] != "spark-submit":
            logs.note(f"command: {shlex.join(step.args)}")
            return Command(step.args, self.environment, logs)
        machine = self._machine(uses_s3=any("s3://" in argument for argument in step.args))
        configurations = self.cluster.request.get("Configurations") or []
        environment = self.environment
        if self.cluster.yarn:
            plan = yarn_submit.launch(step.args[1:], configurations, self._on_yarn(machine))
            # As on EMR, the region is in no variable.
            environment = {name: value for name, value in environment.items() if name not in REGION}
        else:
            plan = submit.launch(step.args[1:], configurations, machine)
        conf = self.node.scratch / "conf" / step.id
        conf.mkdir(parents=True, exist_ok=True)
        (conf / "spark-defaults.conf").write_text(properties_text(plan.defaults))
        for line in (
            f"spark {machine.spark_version}, java {machine.java_home}",
            *plan.notes,
            f"command: {shlex.join(plan.argv)}",
        ):
            logs.note(line)
        java = self.settings.java_options
        plan.environment["SPARK_SUBMIT_OPTS"] += f" {java}"
        variables = {"SPARK_CONF_DIR": str(conf), "SPARK_LAUNCHER_OPTS": java}
        return Command(plan.argv, {**environment, **plan.environment, **variables}, logs)

    def _on_yarn(self, machine: submit.Machine) -> yarn_submit.YarnMachine:
        smallest = of_workers(self.cluster, self.settings.yarn_scale)[0]
        (self.node.scratch / "spark-events").mkdir(exist_ok=True)
        return yarn_submit.YarnMachine(
            spark_home=machine.spark_home,
            spark_version=machine.spark_version,
            java_home=machine.java_home,
            python=machine.python,
            address=self.cluster.primary_instance.private_ip,
            configuration=self.node.hadoop_configuration,
            scratch=machine.scratch,
            s3_endpoint=machine.s3_endpoint,
            region=machine.region,
            jars=machine.jars,
            worker_memory_mib=smallest.memory_mib,
            worker_vcpus=smallest.vcpus,
        )

    def _machine(self, uses_s3: bool) -> submit.Machine:
        label = str(self.cluster.request.get("ReleaseLabel"))
        line = releases.spark_line(label)
        venv = home.environment(line, self.settings)
        if line == home.SPARK_3 and not home.is_installed(line, self.settings):
            raise StepError(f"{label} has Spark {line}; {venv}: not installed, `make spark35` installs it")
        try:
            spark = home.of_line(line, self.settings, self.node.scratch)
            s3a = jars.find(spark, self.settings.jars)
            if s3a is None and uses_s3:
                jars.coordinates(spark)
                raise StepError(f"s3://: no S3A jars in {self.settings.jars}; run `python -m local_aws jars`")
            return submit.Machine(
                spark_home=spark,
                spark_version=jars.spark_version(spark),
                java_home=java.java_home(venv),
                python=interpreter(),
                cores=self.settings.local_cores,
                driver_memory_mib=self.settings.local_driver_memory_mib,
                s3_endpoint=self.settings.s3_endpoint_of_nodes,
                region=self.settings.region,
                scratch=self.node.scratch,
                jars=s3a,
            )
        except (FileNotFoundError, ValueError) as error:
            raise StepError(str(error)) from error


def note_end(code: int, seconds: float, logs: LogFolder) -> None:
    """Write the lines with which EMR's controller records the end of a step."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    logs.note(f"{now} INFO waitProcessCompletion ended with exit code {code} : hadoop jar command-runner.jar")
    logs.note(f"{now} INFO total process run time: {seconds:.0f} seconds")
    if code:
        logs.note(f"{now} WARN Step failed with exitCode {code} and took {seconds:.0f} seconds")


def _failure(code: int, logs: LogFolder) -> Failure:
    # spark-submit in client mode writes the stderr of its Python program to stdout.
    lines = ((stream, logs.last_line(stream)) for stream in ("stderr", "stdout"))
    stream, last = next(((stream, line) for stream, line in lines if line), ("stderr", "no output"))
    return Failure("Unknown Error.", f"{last} (exit code {code})", logs.uri_of(stream))
