"""The compose project of a fresh clone, with its own ports and names."""

from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from development.running import Running
from local_aws.settings import S3_PORTS
from tests.places import ROOT
from tests.ports import free_ports

RUNNING = (
    *("postgres", "local-aws", "spark-history", "artifacts"),
    *("api-server", "scheduler", "dag-processor", "triggerer"),
)
SECRETS = "/var/lib/verger/secrets"
BUCKET = "verger-orchard"
#: More than step 1 featurizes in the driver, so that it starts a Spark application.
PHOTOS = 72


def compose_command(timeout_s: float = 0) -> list[str]:
    """Return `docker compose` or `docker-compose`, empty when neither works within `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while not (command := _compose_command()) and time.monotonic() < deadline:
        time.sleep(2)
    return command


def _compose_command() -> list[str]:
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode
    ):
        return []
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and not _fails([*command, "version"]):
            return command
    return []


def _fails(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode != 0


class Project:
    """A copy of the files in git, in `folder`, and its compose project."""

    def __init__(self, folder: Path, name: str, command: list[str]) -> None:
        self.folder, self.name, self._command = folder, name, command
        first = free_ports(S3_PORTS)
        ports = {"AIRFLOW_PORT": first, "S3_PORT": first + 1, "EMR_PORT": first + 2, "HISTORY_PORT": first + 3}
        self.ports = ports
        self._environment = {**os.environ, **{key: str(port) for key, port in ports.items()}, "PHOTOS": str(PHOTOS)}

    def clone(self) -> None:
        """Copy the files that git tracks, and new files that it does not ignore."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True,
            text=True, check=True,
        )  # fmt: skip
        for name in filter(None, listed.stdout.split("\0")):
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)

    def run(self, *arguments: str, check: bool = True) -> str:
        """Run `docker-compose ARGUMENTS`; return its standard output."""
        done = subprocess.run(
            [*self._command, "-p", self.name, *arguments], cwd=self.folder, env=self._environment, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"{' '.join(arguments)}\n{done.stdout[-4000:]}\n{done.stderr[-6000:]}\n{self.logs()}")
        return done.stdout

    def up(self, *more: str) -> None:
        """Start everything and wait until every service is healthy."""
        self.run("up", "-d", *more)
        deadline = time.monotonic() + 300
        while unhealthy := {name: state for name, state in self.health().items() if state != "healthy"}:
            assert time.monotonic() < deadline, f"{unhealthy}\n{self.logs(*unhealthy)}"
            time.sleep(1)

    def health(self) -> dict[str, str]:
        """Return the health of each service: `healthy` or another state."""
        return {name: self.inspect(name)["State"].get("Health", {}).get("Status", "no check") for name in RUNNING}

    def inspect(self, service: str) -> dict[str, Any]:
        """Return the answer of `docker inspect` for the container of a service."""
        container = self.run("ps", "-q", service).strip()
        answer = subprocess.run(["docker", "inspect", container], capture_output=True, text=True, check=True)
        found: dict[str, Any] = json.loads(answer.stdout)[0]
        return found

    def inside(self, service: str, *command: str) -> str:
        """Run a command in a running container; return its output."""
        return self.run("exec", "-T", service, *command)

    def logs(self, *services: str) -> str:
        """Return the last lines of the logs of services."""
        return self.run("logs", "--tail=60", "--no-color", *services, check=False)

    def client(self) -> Running:
        """Return a client of the stack, with the password in the volume of the secrets."""
        pair = configparser.ConfigParser()
        pair.read_string(self.inside("api-server", "cat", f"{SECRETS}/aws"))
        return Running(
            url=f"http://127.0.0.1:{self.ports['AIRFLOW_PORT']}",
            user="admin",
            password=json.loads(self.inside("api-server", "cat", f"{SECRETS}/passwords.json"))["admin"],
            history_url=f"http://127.0.0.1:{self.ports['HISTORY_PORT']}",
            bucket=BUCKET,
            aws={
                "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{self.ports['S3_PORT']}",
                **{key.upper(): value for key, value in pair["default"].items()},
            },
        )
