"""A signal that arrives while a process is started and recorded is delivered after that."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from local_aws.processes import interrupts
from local_aws.settings import REPOSITORY

PROGRAM = """
import os, signal, sys
from local_aws.processes import interrupts
if sys.argv[1] == "caught":
    interrupts.catch()
try:
    with interrupts.deferred():
        os.kill(os.getpid(), signal.SIGTERM)
        print("recorded", flush=True)
    print("not reached", flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.parametrize(
    ("handler", "code", "output"),
    [("caught", 0, "recorded\ninterrupted\n"), ("default", -signal.SIGTERM, "recorded\n")],
)
def test_a_signal_waits_for_the_end_of_the_body(handler: str, code: int, output: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, handler], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (code, output), done.stderr


def test_a_thread_changes_no_handler() -> None:
    before = signal.getsignal(signal.SIGTERM)
    inside: list[object] = []

    def body() -> None:
        with interrupts.deferred():
            inside.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert inside == [before]
