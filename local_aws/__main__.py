"""Run S3 and EMR on this machine (`python -m local_aws`)."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from local_aws.history import DEFAULT_PORT, History
from local_aws.iam.account import ADMINISTRATOR
from local_aws.processes import interrupts
from local_aws.settings import DEFAULT_STATE, LOCAL, REPOSITORY, YARN
from local_aws.spark import jars
from local_aws.spark.home import SPARK_3, SPARK_4, is_installed, of_line
from local_aws.spark.java import java_home
from local_aws.stack import Stack, StackError
from local_aws.status import log_text, table
from local_aws.yarn import jars as yarn_jars
from local_aws.yarn.interrupt import interrupt


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has closed the pipe; the last flush of Python must not fail
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except (StackError, FileNotFoundError, RuntimeError, ValueError, TimeoutError) as error:
        print(f"local_aws: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_aws", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = _command(commands, "up", _up, "start both servers and return when they answer")
    serve = _command(commands, "serve", _serve, "start both servers and end them with this command")
    down = _command(commands, "down", _down, "end both servers and all processes of their clusters")
    _command(commands, "status", _status, "print servers and clusters")
    env = _command(commands, "env", _env, "print the environment variables for AWS clients, as `export` lines")
    logs = _command(commands, "logs", _logs, "print the logs of a cluster or of one of its steps")
    resolve = _command(commands, "jars", _jars, "download the jars of YARN, and those for s3:// in Spark")
    java = _command(commands, "java", _java, "print the Java home of the local Spark")
    interruption = _command(commands, "interrupt", _interrupt, "end one instance of a cluster with YARN, as EC2 does")
    history = _command(commands, "history", _history, "run a Spark history server for event logs in S3, until Ctrl-C")
    for command in (up, serve, resolve):
        command.add_argument("--jars", type=Path, help="folder of the S3A jars (default .verger/jars)")
    for command in (up, serve, resolve, java):
        command.add_argument("--spark-venv", type=Path, help="environment with pyspark (default .verger/venv/spark)")
    _add_settings(up, serve)
    down.add_argument(
        "--wipe", action="store_true", help="also remove the state folder: buckets, clusters, credentials"
    )
    env.add_argument(
        "--principal", default=ADMINISTRATOR, help="user or role of an enforced stack (default administrator)"
    )
    interruption.add_argument("instance", help="instance id, i-… (the API lists them, and `status`)")
    history.add_argument("logs", help="folder of event logs, s3://<bucket>/<folder>/")
    history.add_argument("--port", type=int, default=DEFAULT_PORT, help=f"default {DEFAULT_PORT}")
    logs.add_argument("cluster", help="cluster id, j-…")
    logs.add_argument("step", nargs="?", help="step id, s-… (default: all logs)")
    return parser


def _add_settings(*commands: argparse.ArgumentParser) -> None:
    """Add the settings of the servers."""
    for command in commands:
        command.add_argument(
            "--spark35-venv", type=Path, help="environment with pyspark 3.5 (default .verger/venv/spark35)"
        )
        command.add_argument("--bind", help="address that both servers listen on (default 127.0.0.1)")
        command.add_argument("--host", help="name or address in the URLs for clients (default 127.0.0.1)")
        command.add_argument("--s3-port", type=int, help="first of eight ports of the S3 server (default 8333)")
        command.add_argument("--emr-port", type=int, help="port of the EMR server (default 5555)")
        command.add_argument(
            "--enforce", metavar="BUCKET", help="enforce the policies of infra/verger.yaml for this bucket"
        )
        command.add_argument(
            "--session-s", type=float, help="longest duration of temporary credentials, s (default 3600)"
        )
        command.add_argument("--region", help="AWS region in the answers of both servers (default eu-west-3)")
        command.add_argument(
            "--cluster", choices=(LOCAL, YARN), help="what a cluster is (default $VERGER_LOCAL_CLUSTER, or local)"
        )
        command.add_argument("--yarn-nodes", type=int, help="largest number of NodeManagers of a cluster (default 3)")
        command.add_argument("--cores", type=int, help="cores of a step in local mode (default 0: all cores)")
        command.add_argument(
            "--driver-memory-mib", type=int, help="largest heap of a Spark driver, MiB (default: a sixth of the memory)"
        )


def _command(commands: Any, name: str, run: Any, summary: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    command.set_defaults(run=run)
    command.add_argument("--state", type=Path, default=DEFAULT_STATE, help="state folder (default .verger/local_aws)")
    return command


def _stack(options: argparse.Namespace) -> Stack:
    """Return the stack with the settings of its last start and the changes on the command line."""
    changes: dict[str, Any] = {
        name: value.resolve() if isinstance(value, Path) else value
        for name, value in vars(options).items()
        if name not in ("command", "run", "state") and value is not None
    }
    return Stack(options.state, **changes)


def _up(options: argparse.Namespace) -> None:
    interrupts.catch()
    stack = _stack(options)
    stack.up()
    print(table(stack))


def _serve(options: argparse.Namespace) -> None:
    _stack(options).serve()


def _history(options: argparse.Namespace) -> None:
    History(Stack(options.state), options.logs, options.port).run()


def _down(options: argparse.Namespace) -> None:
    Stack(options.state).down(wipe=options.wipe)


def _status(options: argparse.Namespace) -> None:
    print(table(Stack(options.state)))


def _env(options: argparse.Namespace) -> None:
    stack = Stack(options.state)
    if not stack.exists:
        raise StackError(
            f"{options.state}: expected the state folder of a stack, found none; name it with --state "
            "(that of `make up` is .verger/up/local_aws), or start a stack: python -m local_aws up"
        )
    for name, value in stack.environment(options.principal).items():
        print(f"export {name}={shlex.quote(value)}")


def _logs(options: argparse.Namespace) -> None:
    print(log_text(Stack(options.state), options.cluster, options.step))


def _interrupt(options: argparse.Namespace) -> None:
    cluster = interrupt(Stack(options.state).settings, options.instance)
    print(f"{cluster}: instance {options.instance} is terminated")


def _jars(options: argparse.Namespace) -> None:
    settings = _stack(options).settings
    if (folder := yarn_jars.download(settings.spark_venv, settings.jars)) is not None:
        print(f"YARN jars: {_brief(folder)}")
    with tempfile.TemporaryDirectory() as scratch:
        for line in (SPARK_4, SPARK_3):
            if line == SPARK_3 and not is_installed(line, settings):
                continue  # only `make spark35` installs it
            home = of_line(line, settings, Path(scratch))
            if jars.find(home, settings.jars) is None:
                folder = jars.resolve(home, settings.spark_venv, settings.jars)
                print(f"S3A jars of Spark {line}: {_brief(folder)}")


def _brief(folder: Path) -> Path:
    return folder.relative_to(REPOSITORY) if folder.is_relative_to(REPOSITORY) else folder


def _java(options: argparse.Namespace) -> None:
    print(java_home(_stack(options).settings.spark_venv))


if __name__ == "__main__":
    sys.exit(main())
