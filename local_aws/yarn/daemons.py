"""The daemons of YARN: their command lines, and one running daemon."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local_aws.node.command import Command
from local_aws.processes.identity import ProcessId

log = logging.getLogger(__name__)

RESOURCE_MANAGER = "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager"
NODE_MANAGER = "org.apache.hadoop.yarn.server.nodemanager.NodeManager"
#: Java options of a daemon of a small cluster: little memory, a short start.
JAVA_OPTIONS = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
#: Packages of Java 17 that Hadoop reads by reflection.
OPENED = ("java.lang", "java.util", "java.nio", "sun.nio.ch", "java.net")
#: User of the applications, as on EMR. It needs no account on this machine.
USER = "hadoop"


@dataclass(frozen=True)
class Program:
    """The Java program of a daemon.

    Attributes
    ----------
    java_home : Path
        A Java 17 or 21.
    class_path : tuple of Path
        Folders of jars. The first one wins.
    main : str
        RESOURCE_MANAGER or NODE_MANAGER.
    """

    java_home: Path
    class_path: tuple[Path, ...]
    main: str = ""

    def command_line(self, configuration: Path) -> list[str]:
        """Return the command line for a folder of configuration files."""
        return [
            str(self.java_home / "bin" / "java"),
            *JAVA_OPTIONS,
            *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED),
            f"-Dlog4j2.configurationFile={configuration / 'log4j2.properties'}",
            f"-Dhadoop.log.dir={configuration}",
            f"-Dyarn.log.dir={configuration}",
            "-cp",
            ":".join([str(configuration), *(f"{folder}/*" for folder in self.class_path)]),
            self.main,
        ]


class Daemon:
    """One daemon below a subreaper: its end is the end of all its containers, also after a crash of the EMR server.

    Parameters
    ----------
    name : str
        Name of its thread.
    command : Command
        Its command.
    record : Path
        File that gets the identity of the subreaper.
    ended : callable
        Is called when the daemon ends by itself or by another process.
    """

    def __init__(self, name: str, command: Command, record: Path, ended: Callable[[], None]) -> None:
        self._command = command
        self._record = record
        self._ended = ended
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the daemon."""
        self._thread.start()

    def kill(self) -> None:
        """Send SIGKILL to the daemon and its containers."""
        self._stopped = True
        self._command.kill()

    def join(self) -> None:
        """Wait until the daemon and its containers have ended."""
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        code = self._command.run(self._write_record)
        self._record.unlink(missing_ok=True)
        if not self._stopped:
            log.info("%s: ended with exit code %d", self._thread.name, code)
            self._ended()

    def _write_record(self, pid: int) -> None:
        if (identity := ProcessId.of(pid)) is not None:
            self._record.parent.mkdir(parents=True, exist_ok=True)
            self._record.write_text(json.dumps(identity.to_json()))
