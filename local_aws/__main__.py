"""`python -m local_aws`: S3 and EMR on this machine."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import replace
from pathlib import Path

from local_aws import jars
from local_aws.settings import DEFAULT_STATE, Settings
from local_aws.stack import Stack, StackError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except (StackError, FileNotFoundError, RuntimeError, ValueError, TimeoutError) as error:
        print(f"local_aws: {error}", file=sys.stderr)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_aws", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run, summary in (
        ("up", _up, "start both servers; returns when they answer"),
        ("down", _down, "end both servers and everything on their clusters"),
        ("status", _status, "what runs"),
        ("env", _env, "print the environment of a client as `export` lines"),
        ("jars", _jars, "resolve the jars for s3:// in Spark, once"),
    ):
        command = commands.add_parser(name, help=summary)
        command.set_defaults(run=run)
        command.add_argument(
            "--state", type=Path, default=DEFAULT_STATE, help="state folder (default .verger/local_aws)"
        )
        if name in ("up", "jars"):
            command.add_argument("--jars", type=Path, help="folder of the S3A jars (default .verger/jars)")
            command.add_argument(
                "--spark-venv", type=Path, help="environment with pyspark (default .verger/venv/spark)"
            )
        if name == "up":
            command.add_argument(
                "--s3-port", type=int, help="first of eight ports of the S3 server (default 8333)"
            )
            command.add_argument("--emr-port", type=int, help="port of the EMR server (default 5555)")
            command.add_argument("--region", help="region that the stack claims to be in (default eu-west-3)")
            command.add_argument("--cores", type=int, help="cores of a step (default: all)")
            command.add_argument(
                "--driver-memory-mib",
                type=int,
                help="ceiling of a Spark driver's heap (default: a sixth of memory)",
            )
            command.add_argument(
                "--spark35-venv",
                type=Path,
                help="environment with pyspark 3.5 (default .verger/venv/spark35)",
            )
    return parser


def _settings(options: argparse.Namespace) -> Settings:
    given = {
        name: value.resolve() if isinstance(value, Path) else value
        for name, value in vars(options).items()
        if name not in ("command", "run", "state") and value is not None
    }
    return replace(Settings.load(options.state.resolve()), **given)


def _up(options: argparse.Namespace) -> int:
    stack = Stack(settings=_settings(options))
    stack.up()
    return _status(options)


def _down(options: argparse.Namespace) -> int:
    Stack(options.state).down()
    return 0


def _status(options: argparse.Namespace) -> int:
    stack = Stack(options.state)
    for name, server in stack.status().items():
        print(
            f"{name:4} {'up' if server['pid'] else 'down':5} {server['endpoint']}  {'pid ' + str(server['pid']) if server['pid'] else ''}"
        )
    return 0


def _env(options: argparse.Namespace) -> int:
    for name, value in Stack(options.state).environment().items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def _jars(options: argparse.Namespace) -> int:
    settings = _settings(options)
    print(jars.resolve(settings.spark_venv, settings.jars))
    return 0


if __name__ == "__main__":
    sys.exit(main())
