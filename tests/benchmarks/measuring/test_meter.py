"""The meter: it measures all processes that a command starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.harness.places import ROOT
from benchmarks.measuring import meter
from benchmarks.measuring.process_tree import DRIVER, JVM, OTHER, WORKER, roles

BURN = "import time\nwhile time.process_time() < {seconds}: pass\n"
ORPHAN = f"""
import os
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
        {BURN.format(seconds=0.5).replace(chr(10), chr(10) + "        ")}
    os._exit(0)
os.wait()
print('{{"photos": 3}}')
"""
# A process that samples its descendants at exact moments: the meter's own samples are seconds apart on a busy machine.
BY_HAND = """
import json, subprocess, sys
from benchmarks.measuring.tally import Tally
tally = Tally()
with subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=-1, stdout=-1, text=True) as child:
    def wait_for(word):
        assert child.stdout.readline() == word + chr(10)
    def answer():
        child.stdin.write("go on" + chr(10))
        child.stdin.flush()
{samples}
tally.close()
print(json.dumps([tally.cpu_seconds, tally.peak_mb, tally.peak_by_role()]))
"""
UNWAITED = f"""
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if os.fork() == 0:
    print("started", flush=True)
    input()
    {BURN.format(seconds=0.5).replace(chr(10), chr(10) + "    ")}
    print("burnt", flush=True)
    input()
    os._exit(0)
try:
    os.wait()
except ChildProcessError:
    pass
"""
AT_UNWAITED = """
    wait_for("started")
    tally.sample_tree()
    answer()
    wait_for("burnt")
    tally.sample_unwaited()
    answer()
    child.wait()
"""
MEMORY = """
import subprocess, sys
grown = "b = bytearray(200_000_000); b[::4096] = bytes(len(b[::4096])); print('grown', flush=True); input()"
subprocess.run([sys.executable, "-c", grown], check=True)
"""
AT_MEMORY = """
    wait_for("grown")
    tally.sample_tree()
    answer()
    child.wait()
"""


GROWN_LATER = """
import sys
print("started", flush=True)
input()
b = bytearray(200_000_000); b[::4096] = bytes(len(b[::4096])); del b
print("grown", flush=True)
input()
"""
AT_GROWN_LATER = """
    wait_for("started")
    tally.sample_tree()
    answer()
    wait_for("grown")
    tally.sample_peaks()
    answer()
    child.wait()
"""


def by_hand(program: str, samples: str) -> tuple[float, float, dict[str, float]]:
    command = [sys.executable, "-c", BY_HAND.format(samples=samples), program]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=300)
    cpu_seconds, peak_mb, peak_by_role = json.loads(done.stdout)
    return cpu_seconds, peak_mb, peak_by_role


def measure(program: str, folder: Path, **options: float) -> meter.Measured:
    return meter.run(
        [sys.executable, "-c", program], dict(os.environ), cwd=folder, log=folder / "log", interval=0.1, **options
    )


def test_cpu_time_of_an_orphan_counts(tmp_path: Path) -> None:
    measured = measure(ORPHAN, tmp_path)
    assert measured.cpu_seconds >= 0.5
    assert measured.result == {"photos": 3}
    assert measured.leftovers == []


def test_cpu_time_of_a_child_for_which_no_process_waits_counts() -> None:
    cpu_seconds, _, _ = by_hand(UNWAITED, AT_UNWAITED)
    assert cpu_seconds >= 0.48  # in ticks of 10 ms


def test_cpu_time_before_and_after_a_moment(tmp_path: Path) -> None:
    measured = measure(BURN.format(seconds=0.6) + "time.sleep(0.6)", tmp_path)
    assert abs(time.time() - measured.began - measured.seconds) < 30
    assert measured.cpu_between(0.0, measured.seconds + 60) == pytest.approx(measured.cpu_seconds)
    first, rest = measured.cpu_between(0.0, 0.3), measured.cpu_between(0.3, measured.seconds + 60)
    assert first + rest == pytest.approx(measured.cpu_seconds)
    assert 0.0 < rest < measured.cpu_seconds
    used = [cpu for _, cpu in measured.series]
    assert used == sorted(used)


def test_memory_of_a_grandchild_counts() -> None:
    _, peak_mb, peak_by_role = by_hand(MEMORY, AT_MEMORY)
    assert 200 < peak_mb < 300
    assert 200 < peak_by_role[OTHER] < 300


def test_memory_after_the_last_full_sample_counts() -> None:
    _, peak_mb, peak_by_role = by_hand(GROWN_LATER, AT_GROWN_LATER)
    assert peak_mb < 100
    assert 200 < peak_by_role[OTHER] < 300


def test_processes_that_a_command_leaves_running_are_ended(tmp_path: Path) -> None:
    program = "import subprocess; print(subprocess.Popen(['sleep', '60'], start_new_session=True).pid)"
    measured = measure(program, tmp_path)
    assert measured.leftovers == ["sleep 60"]
    assert not Path(f"/proc/{measured.result}").exists()


def test_a_failure_names_the_last_lines(tmp_path: Path) -> None:
    with pytest.raises(meter.CommandFailed, match=r"exit code 3; the last lines of .*:\nno such photo"):
        measure("import sys; print('no such photo', file=sys.stderr); sys.exit(3)", tmp_path)


def test_a_command_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(meter.CommandFailed, match="did not end within 0 s"):
        measure("import time; time.sleep(60)", tmp_path, timeout=0.3)


def test_roles_in_spark() -> None:
    launched = {
        1: ["/env/bin/python", "-m", "notebook"],
        2: ["/jdk/bin/java", "-cp", "jars/*", "org.apache.spark.deploy.SparkSubmit", "pyspark-shell"],
        3: ["/env/bin/python3", "-m", "pyspark.daemon"],
        4: ["/env/bin/python3", "-m", "pyspark.daemon"],
        5: ["sh", "-c", "sleep 1"],
    }
    assert roles(launched, {1: 0, 2: 1, 3: 2, 4: 3, 5: 1}) == {1: DRIVER, 2: JVM, 3: OTHER, 4: WORKER, 5: OTHER}
    submitted = {1: ["java", "org.apache.spark.deploy.SparkSubmit", "pca.py"], 2: ["python3.11", "pca.py"]}
    assert roles(submitted, {1: 0, 2: 1}) == {1: JVM, 2: DRIVER}
