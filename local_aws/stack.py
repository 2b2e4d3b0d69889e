"""Start and end the S3 server and the EMR server of a stack, and give clients their addresses."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import boto3
from botocore.config import Config

from local_aws.credentials import load_or_create
from local_aws.iam.account import ADMINISTRATOR
from local_aws.node.folder import environment_of
from local_aws.probes import emr_answers, gateway_answers, s3_answers
from local_aws.processes import interrupts
from local_aws.processes.identity import ProcessId
from local_aws.processes.tree import end_tree
from local_aws.s3 import seaweedfs
from local_aws.settings import DEFAULT_STATE, ENFORCED_PORTS, NOT_KEPT, REPOSITORY, S3_PORTS, Settings

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_s3 import S3Client

#: Seconds that a server may take to answer.
TIMEOUT_S = 60.0
#: The servers in the order in which they start, and the seconds between SIGTERM and SIGKILL. The S3 server waits 15 s
#: for its own idle streams. That is not needed: every write that it has answered is in its files.
GRACE_S = {"s3": 1.5, "gateway": 1.5, "emr": 25.0}


class StackError(Exception):
    """The stack cannot be started or ended. The message names the reason and what to do."""


class PortInUse(StackError):
    """A port of the `server` (s3, gateway or emr) is in use. `reason` names the port, without what to do."""

    def __init__(self, port: int, server: str, error: OSError) -> None:
        self.server, self.reason = server, f"port {port}, for the {server.upper()} server: {error.strerror}"
        super().__init__(
            f"{self.reason}; end that process, or choose other ports: python -m local_aws up --s3-port N --emr-port M"
        )


class Stack:
    """The S3 server, the EMR server and, in an enforced stack, the gateway of one state folder.

    Parameters
    ----------
    state_dir : Path or str
        The state folder. It holds the settings of the last start.
    **changes
        Fields of Settings that differ from the last start, such as ``s3_port=9000``. They replace those of the
        environment.

    Raises
    ------
    ValueError
        For settings that cannot be used.
    """

    def __init__(self, state_dir: Path | str = DEFAULT_STATE, **changes: Any) -> None:
        self._last = Settings.load(Path(state_dir))
        self._pids = self._last.state / "processes.json"
        kept = {} if self._runs("emr") else NOT_KEPT
        self.settings = replace(self._last, **{**kept, **Settings.from_environment(), **changes})
        self._started: dict[str, ProcessId] = {}

    @property
    def exists(self) -> bool:
        """Whether a stack was started in the state folder. It may be down."""
        return (self.settings.state / "settings.json").exists()

    def up(self) -> None:
        """Start the servers that do not run yet; return when all servers answer.

        After an error or an interrupt, the servers that this call has started are ended.

        Raises
        ------
        PortInUse
            When a port is in use.
        StackError
            When the stack is up with other settings, or when a server ends or does not answer within TIMEOUT_S seconds.
        """
        with self._locked():
            if self.settings != self._last and any(self._runs(name) for name in GRACE_S):
                raise StackError(f"{self.settings.state}: already up with other settings; run `down` first")
            missing = self._missing()
            self.check_ports()
            self.settings.save()
            self._last = self.settings
            credentials = load_or_create(self.settings.state)
            try:
                if "s3" in missing:
                    with interrupts.deferred():
                        self._record("s3", seaweedfs.start(self.settings, credentials))
                self._wait("s3", lambda: s3_answers(self.settings, credentials))
                for name, answers in (("gateway", gateway_answers), ("emr", emr_answers)):
                    if name in missing:
                        with interrupts.deferred():
                            self._record(name, self._start(name))
                    if name in self._names():
                        self._wait(name, partial(answers, self.settings))
            except BaseException:
                for name in reversed(missing):
                    self._end(name)
                raise

    def down(self, *, wipe: bool = False) -> None:
        """End all servers and all processes of their clusters; return when they have ended.

        Parameters
        ----------
        wipe : bool
            Remove the state folder too: buckets, clusters, credentials.
        """
        with self._locked():
            for name in reversed(GRACE_S):
                self._end(name)
        if wipe:
            shutil.rmtree(self.settings.state)

    def end(self, name: str) -> None:
        """End one server, `s3`, `gateway` or `emr`; `up` starts it again."""
        with self._locked():
            self._end(name)

    def end_started(self) -> None:
        """End the servers that `up` of this object has started. Servers that ran before stay up."""
        with self._locked():
            while self._started:
                name, identity = self._started.popitem()
                if self._processes().get(name) == identity:  # else another process has ended it and started a new one
                    self._end(name)

    def serve(self) -> None:
        """Start the stack, wait for SIGTERM or SIGINT, and end the stack.

        Raises
        ------
        StackError
            When a server ends by itself.
        """
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        self.up()
        try:
            while not ended.wait(1.0):
                for name, server in self.status().items():
                    if server["pid"] is None:
                        log = self.settings.state / f"{name}.log"
                        raise StackError(f"the {name} server has ended; the last lines of {log}:\n{_tail(log)}")
        finally:
            self.down()

    def status(self) -> dict[str, Any]:
        """Return pid (None when down) and endpoint of each server. Start nothing."""
        endpoints = {
            "s3": self.settings.s3_server_endpoint,
            "gateway": self.settings.s3_endpoint,
            "emr": self.settings.emr_endpoint,
        }
        return {
            name: {"pid": self._processes()[name].pid if self._runs(name) else None, "endpoint": endpoints[name]}
            for name in self._names()
        }

    def environment(self, principal: str = ADMINISTRATOR) -> dict[str, str]:
        """Return the environment variables for AWS clients of this stack, with credentials.

        Parameters
        ----------
        principal : str
            In an enforced stack: a user or a role of `local_aws.iam.account`. A role gets temporary credentials.

        Raises
        ------
        ValueError
            No principal has this name.
        """
        return environment_of(self.settings, principal)

    @overload
    def client(self, service: Literal["s3"], principal: str = ...) -> S3Client: ...

    @overload
    def client(self, service: Literal["emr"], principal: str = ...) -> EMRClient: ...

    def client(self, service: Literal["s3", "emr"], principal: str = ADMINISTRATOR) -> S3Client | EMRClient:
        """Return a boto3 client of this stack; `principal` as in `environment`."""
        environment = self.environment(principal)
        make: Callable[..., S3Client | EMRClient] = boto3.client  # each overload takes one service
        return make(
            service,
            endpoint_url=environment[f"AWS_ENDPOINT_URL_{service.upper()}"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=environment.get("AWS_SESSION_TOKEN"),
            region_name=environment["AWS_REGION"],
            config=Config(s3={"addressing_style": "path"}),
        )

    def check_ports(self) -> None:
        """Raise PortInUse when another process listens on a port of a server that does not run yet."""
        first = self.settings.s3_port
        gateway = self.settings.gateway_port
        ports = {
            "s3": range(first, first + S3_PORTS),
            "emr": [self.settings.emr_port],
            "gateway": range(gateway, gateway + ENFORCED_PORTS),
        }
        for name in self._missing():
            for port in ports[name]:
                try:
                    socket.create_server((self.settings.bind, port)).close()
                except OSError as error:
                    raise PortInUse(port, name, error) from error

    def _missing(self) -> list[str]:
        return [name for name in self._names() if not self._runs(name)]

    def _names(self) -> list[str]:
        """Return the names of the servers, in the order in which they start."""
        return [name for name in GRACE_S if name != "gateway" or self.settings.enforce]

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        with (self.settings.state / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", f"local_aws.{name}.server", str(self.settings.state)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=REPOSITORY,
                env={**inherited, "PYTHONPATH": str(REPOSITORY), "AWS_EC2_METADATA_DISABLED": "true"},
            )  # fmt: skip

    def _wait(self, name: str, answers: Callable[[], bool]) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while not answers():
            log = self.settings.state / f"{name}.log"
            if not self._runs(name):
                raise StackError(f"the {name} server ended at once; the last lines of {log}:\n{_tail(log)}")
            if time.monotonic() > deadline:
                raise StackError(f"the {name} server does not answer after {TIMEOUT_S:.0f} s; see {log}")
            time.sleep(0.1)

    def _end(self, name: str) -> None:
        if (recorded := self._processes().get(name)) is not None:
            if (process := recorded.find()) is not None:
                end_tree(process, grace_s=GRACE_S[name])
            self._forget(name)

    def _runs(self, name: str) -> bool:
        process = self._processes().get(name)
        return process is not None and process.runs()

    def _processes(self) -> dict[str, ProcessId]:
        raw = json.loads(self._pids.read_text()) if self._pids.exists() else {}
        return {name: ProcessId.from_json(value) for name, value in raw.items()}

    def _record(self, name: str, process: subprocess.Popen[bytes]) -> None:
        identity = ProcessId.of(process.pid)
        if identity is None:
            raise StackError(f"the {name} server ended at once; see {self.settings.state / name}.log")
        self._write({**self._processes(), name: identity})
        self._started[name] = identity

    def _forget(self, name: str) -> None:
        self._write({key: value for key, value in self._processes().items() if key != name})

    def _write(self, processes: dict[str, ProcessId]) -> None:
        temporary = self._pids.with_suffix(".tmp")
        temporary.write_text(json.dumps({name: value.to_json() for name, value in processes.items()}))
        temporary.replace(self._pids)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.settings.state / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _tail(path: Path, lines: int = 8) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else "(no log)"
