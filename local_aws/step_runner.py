"""Runs the commands of a node: each under a shepherd, its output in log files that are copied to S3 while it runs."""

from __future__ import annotations

import logging
import shlex
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from local_aws import jars, java, releases, spark_submit
from local_aws.log_upload import LogFolder
from local_aws.model import Cluster, Step
from local_aws.node import Node, interpreter
from local_aws.settings import Settings

log = logging.getLogger(__name__)

SHEPHERD = Path(__file__).with_name("shepherd.py")
#: Seconds between two copies of the logs of something that runs. EMR copies every few minutes; a laptop need not wait.
UPLOAD_INTERVAL_S = 10.0


class StepError(Exception):
    """A step that cannot be started; the message says why, for FailureDetails."""


class Command:
    """One command on a node. `run` blocks until it has ended; `interrupt` and `kill` may be called from any thread."""

    def __init__(self, argv: list[str], environment: Mapping[str, str], logs: LogFolder) -> None:
        self._argv = argv
        self._environment = dict(environment)
        self._logs = logs
        self._process: subprocess.Popen[bytes] | None = None
        self._order: bytes = b""
        self._lock = threading.Lock()

    def run(self) -> int:
        """Run to the end, copying the logs every UPLOAD_INTERVAL_S seconds and at the end; returns the exit code."""
        with (self._logs.folder / "stdout").open("wb") as out, (self._logs.folder / "stderr").open("wb") as err:
            with self._lock:
                process = self._process = subprocess.Popen(
                    [str(interpreter()), "-I", "-S", str(SHEPHERD), *self._argv],
                    stdin=subprocess.PIPE, stdout=out, stderr=err, env=self._environment, cwd=self._logs.folder,
                    start_new_session=True,
                )  # fmt: skip
                self._send(self._order)
            while True:
                try:
                    code = process.wait(UPLOAD_INTERVAL_S)
                    break
                except subprocess.TimeoutExpired:
                    self._logs.upload()
        with self._lock:
            if process.stdin is not None:
                process.stdin.close()
        return code

    def interrupt(self) -> None:
        """Ask the command to end (SIGTERM), and end it for good a few seconds later."""
        self._give(b"T")

    def kill(self) -> None:
        """End the command and all its descendants at once."""
        self._give(b"K")

    def _give(self, order: bytes) -> None:
        with self._lock:
            self._order = order
            self._send(order)

    def _send(self, order: bytes) -> None:
        if not order or self._process is None or self._process.stdin is None or self._process.stdin.closed:
            return
        try:
            self._process.stdin.write(order)
            self._process.stdin.flush()
        except BrokenPipeError:
            pass


def step_command(
    cluster: Cluster, step: Step, node: Node, settings: Settings, environment: dict[str, str], logs: LogFolder
) -> Command:
    """The command of a step: command-runner.jar runs its arguments, `spark-submit` by way of the local Spark.

    Raises StepError for a step that this machine cannot run.
    """
    jar = step.jar.rsplit("/", 1)[-1]
    if jar != "command-runner.jar":
        raise StepError(
            f"{step.jar}: local_aws runs steps of command-runner.jar only; there is no Hadoop here to run another jar"
        )
    if not step.args:
        raise StepError("command-runner.jar: Args is empty; expected the command to run, such as spark-submit")
    if step.args[0].rsplit("/", 1)[-1] != "spark-submit":
        logs.note(f"command: {shlex.join(step.args)}")
        return Command(step.args, environment, logs)
    machine = _machine(cluster, node, settings, logs, uses_s3=any("s3://" in argument for argument in step.args))
    plan = spark_submit.launch(step.args[1:], cluster.request.get("Configurations") or [], machine)
    conf = node.scratch / "conf" / step.id
    conf.mkdir(parents=True, exist_ok=True)
    (conf / "spark-defaults.conf").write_text(spark_submit.properties_text(plan.defaults))
    for line in (
        f"spark {machine.spark_version}, java {machine.java_home}",
        *plan.notes,
        f"command: {shlex.join(plan.argv)}",
    ):
        logs.note(line)
    return Command(plan.argv, {**environment, **plan.environment, "SPARK_CONF_DIR": str(conf)}, logs)


def _machine(cluster: Cluster, node: Node, settings: Settings, logs: LogFolder, uses_s3: bool) -> spark_submit.Machine:
    label = str(cluster.request.get("ReleaseLabel"))
    venv = settings.spark_venv
    if releases.spark_line(label) == "3.5":
        if settings.spark35_venv.exists():
            venv = settings.spark35_venv
        else:
            logs.note(f"{label} has Spark 3.5, which is not installed ({settings.spark35_venv}); running on Spark 4.1")
    try:
        home = jars.spark_home(venv)
        s3a = jars.find(home, settings.jars)
        if s3a is None and uses_s3:
            jars.coordinates(jars.hadoop_version(home))
            raise StepError(f"s3://: no S3A jars in {settings.jars}; run `python -m local_aws jars` once")
        return spark_submit.Machine(
            spark_home=home, spark_version=_spark_version(home), java_home=java.java_home(venv), python=interpreter(),
            cores=settings.local_cores, driver_memory_mib=settings.local_driver_memory_mib,
            s3_endpoint=settings.s3_endpoint, region=settings.region, scratch=node.scratch, jars=s3a,
        )  # fmt: skip
    except (FileNotFoundError, ValueError) as error:
        raise StepError(str(error)) from error


def _spark_version(home: Path) -> str:
    for jar in (home / "jars").glob("spark-core_*.jar"):
        return jar.stem.rpartition("-")[2]
    raise FileNotFoundError(f"{home}/jars: no spark-core jar")
