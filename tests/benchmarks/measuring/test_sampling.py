"""Samples of a running process: CPU time of its threads, and functions in py-spy's raw format."""

from __future__ import annotations

import os
import threading

import psutil

from benchmarks.measuring.sampling import functions, threads_of


def test_threads_have_their_names_and_cpu_seconds() -> None:
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    found = threads_of(psutil.Process())
    ended.set()
    thread.join()
    assert {os.getpid(), thread.native_id} <= set(found)
    name, seconds = found[os.getpid()]
    assert name
    assert seconds > 0.0


def test_samples_count_for_the_innermost_function_without_its_line() -> None:
    lines = [
        "main (/env/daemon.py:1);invoke (/env/lib/interpreter.py:940) 7",
        "main (/env/daemon.py:1);invoke (/env/lib/interpreter.py:941) 2",
        "main (/env/daemon.py:1);_worker (/env/lib/concurrent/futures/thread.py:81) 50",
    ]
    assert functions(lines) == {"invoke (interpreter.py)": 9}
