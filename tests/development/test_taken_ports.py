"""`make up` with a port that another process uses: the message names the variable of `make up`."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from development.stack import Ports
from tests.places import ROOT
from tests.ports import free_ports


@pytest.mark.parametrize("taken", ["airflow", "s3", "emr", "history"])
def test_the_variable_of_a_taken_port_is_named(taken: str, tmp_path: Path) -> None:
    ports = Ports.from_first(free_ports(Ports.COUNT))
    options = [f"--{name}-port={getattr(ports, name)}" for name in ("airflow", "s3", "emr", "history")]
    with socket.create_server(("127.0.0.1", getattr(ports, taken))):
        answer = subprocess.run(
            [sys.executable, "-m", "development", "up", f"--state={tmp_path}", *options],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert answer.returncode == 1
    assert f"port {getattr(ports, taken)}, for the" in answer.stderr
    assert f"make up {taken.upper()}_PORT=N" in answer.stderr
