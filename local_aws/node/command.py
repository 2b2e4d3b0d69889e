"""Commands on a node, each below a subreaper, and the commands that run on one cluster."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from local_aws.node.log_upload import LogFolder

SUBREAPER = Path(__file__).with_name("subreaper.py")


class Command:
    """One command on a node.

    `run` blocks until the command has ended. Any thread may call `interrupt` and `kill`, also before the command has
    started: then they take effect at its start.
    """

    def __init__(self, argv: list[str], environment: Mapping[str, str], logs: LogFolder) -> None:
        self._argv = argv
        self._environment = dict(environment)
        self._logs = logs
        self._process: subprocess.Popen[bytes] | None = None
        self._order: bytes = b""
        self._lock = threading.Lock()

    def run(self, started: Callable[[int], None] = lambda _: None) -> int:
        """Run the command to its end, upload its logs from time to time, and return its exit code.

        `started` gets the pid of the subreaper. SIGTERM to the subreaper ends the command with all its descendants.
        """
        with (self._logs.folder / "stdout").open("wb") as out, (self._logs.folder / "stderr").open("wb") as err:
            with self._lock:
                process = self._process = subprocess.Popen(
                    [sys.executable, "-I", str(SUBREAPER), *self._argv],
                    stdin=subprocess.PIPE,
                    stdout=out,
                    stderr=err,
                    env=self._environment,
                    cwd=self._logs.folder,
                    start_new_session=True,
                )
                self._send(self._order)
            started(process.pid)
            with self._logs.uploading():
                code = process.wait()
        with self._lock:
            if process.stdin is not None:
                process.stdin.close()
        return code

    def interrupt(self) -> None:
        """Send SIGTERM to the command, and SIGKILL a few seconds later."""
        self._give(b"T")

    def kill(self) -> None:
        """Send SIGKILL to the command and all its descendants."""
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
            pass  # the command has ended by itself


class RunningCommands:
    """The commands that run on one cluster, by name. After `end_all` a new command is killed at its start."""

    def __init__(self) -> None:
        self._commands: dict[str, Command] = {}
        self._cancelled: set[str] = set()
        self._ended = False
        self._lock = threading.Lock()

    def run(self, name: str, command: Command) -> int:
        """Run a command to its end; return its exit code."""
        with self._lock:
            self._commands[name] = command
            if self._ended or name in self._cancelled:
                command.kill()
        try:
            return command.run()
        finally:
            with self._lock:
                del self._commands[name]

    def cancel(self, name: str, at_once: bool) -> None:
        """End one command, also one that has not started: by SIGTERM first, or `at_once` by SIGKILL."""
        with self._lock:
            self._cancelled.add(name)
            if (command := self._commands.get(name)) is not None:
                command.kill() if at_once else command.interrupt()

    def end_all(self, at_once: bool) -> None:
        """End all commands, and all later ones: by SIGTERM first, or `at_once` by SIGKILL."""
        with self._lock:
            self._ended = True
            for command in self._commands.values():
                command.kill() if at_once else command.interrupt()
