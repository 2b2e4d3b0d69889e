"""Samples a running Spark application: CPU time of the JVM's threads, functions of a Python worker."""

from __future__ import annotations

import re
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import psutil

from benchmarks.harness.places import FOLDER, STATE
from benchmarks.measuring.process_tree import command_of
from local_aws.processes.tree import end_tree

PY_SPY = STATE / "venv" / "bench" / "bin" / "py-spy"
SAMPLED_S = 20
SAMPLE_EVERY_S = 0.25
WAITING = ("_worker (thread.py)", "_wait_for_tstate_lock (threading.py)", "manager (daemon.py)")
"""Functions in which threads wait although py-spy counts them as busy."""

THREADS = {
    "C2 Comp": "compiling, thorough",
    "C1 Comp": "compiling, quick",
    "Executor task": "tasks",
    "Thread-": "the driver's calls",
    "G1 ": "collecting garbage",
    "GC Thread": "collecting garbage",
    "VM Thread": "collecting garbage",
}
"""Purposes of JVM threads, by the beginnings of their names."""

OTHER = "other threads"


def sample(application: subprocess.Popen[bytes]) -> tuple[dict[str, float], Counter[str]]:
    """Sample an application until it ends. An exception ends the application and py-spy.

    Returns
    -------
    dict of str to float
        CPU seconds of the JVM's threads by purpose.
    Counter of str
        Samples of the first Python worker by function.
    """
    jvm = psutil.Process(application.pid)
    raw = FOLDER / "worker.samples"
    raw.unlink(missing_ok=True)
    seconds: dict[int, tuple[str, float]] = {}
    spy: subprocess.Popen[bytes] | None = None
    try:
        while application.poll() is None:
            time.sleep(SAMPLE_EVERY_S)
            seconds.update(threads_of(jvm))
            if spy is None and (worker := first_worker(jvm)) is not None:
                options = ["--duration", str(SAMPLED_S), "--rate", "100", "--format", "raw", "--output", str(raw)]
                spy = subprocess.Popen([PY_SPY, "record", "--pid", str(worker.pid), *options])
        if spy is not None:
            spy.wait()
    except BaseException:
        end_tree(jvm, *([psutil.Process(spy.pid)] if spy else []), grace_s=1.0)
        raise
    purposes: dict[str, float] = defaultdict(float)
    for name, used in seconds.values():
        purposes[next((purpose for start, purpose in THREADS.items() if name.startswith(start)), OTHER)] += used
    return purposes, functions(raw.read_text().splitlines() if raw.exists() else [])


def threads_of(process: psutil.Process) -> dict[int, tuple[str, float]]:
    """Return name and CPU seconds of each thread of a process, by id. psutil does not give the names."""
    found = {}
    try:
        threads = process.threads()
    except psutil.Error:
        return {}
    for thread in threads:
        try:
            name = Path(f"/proc/{process.pid}/task/{thread.id}/comm").read_text().rstrip("\n")
        except OSError:
            continue
        found[thread.id] = (name, thread.user_time + thread.system_time)
    return found


def first_worker(jvm: psutil.Process) -> psutil.Process | None:
    """Return a Python worker, a child of a `pyspark.daemon`; None when there is none."""
    try:
        below = jvm.children(recursive=True)
    except psutil.Error:
        return None
    daemons = {process.pid for process in below if "pyspark.daemon" in command_of(process)}
    for process in below:
        try:
            if process.pid in daemons and process.ppid() in daemons:
                return process
        except psutil.Error:
            continue
    return None


def functions(lines: Iterable[str]) -> Counter[str]:
    """Count the samples of py-spy's raw format by the innermost Python function and its file."""
    found: Counter[str] = Counter()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        name = re.sub(r"\((?:.*/)?([\w.]+)(?::\d+)?\)", r"(\1)", stack.rpartition(";")[2])
        if name not in WAITING:
            found[name] += int(count)
    return found
