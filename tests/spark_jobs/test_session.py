"""The Spark session of a step starts when it is first used. The exit code of a step is its outcome."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT
from tests.spark_jobs.conftest import Submit

SCRIPT = """
from verger_spark.session import DriverValue, LazySession, RowCounter
from verger_spark.stopwatch import Stopwatch

watch = Stopwatch()
session = LazySession("lazy", watch)
rows = RowCounter(session)
rows.driver.add(3)
session.cancel()
version = session.version
print("unused:", [session.started, session.application, rows.value, DriverValue("a").value])
print("seconds without a start:", watch.seconds()["startup"])

shared, tasks = session.broadcast([5, 6]), rows.tasks
numbers = session.spark.sparkContext.parallelize(range(2), 2)
numbers.foreach(lambda number: tasks.add(shared.value[number]))
session.cancel()
print("used:", [session.started, session.application != "", rows.value, session.version == version])
watch.lap("rest")
seconds = watch.seconds()
print("seconds add up:", seconds["startup"] > 0.2 and abs(sum(seconds.values()) - 2 * seconds["total"]) < 0.1)
"""


def test_the_session_starts_when_it_is_first_used(submit: Submit, tmp_path: Path) -> None:
    script = tmp_path / "lazy.py"
    script.write_text(SCRIPT)
    done = submit(tmp_path, script)
    assert done.code == 0, done.output
    assert "unused: [False, '', 3, 'a']" in done.output
    assert "used: [True, True, 14, True]" in done.output
    assert "seconds add up: True" in done.output
    assert "SparkContext" in done.output


def test_a_step_without_a_session_starts_no_spark_application(submit: Submit, tmp_path: Path) -> None:
    script = tmp_path / "unused.py"
    script.write_text(SCRIPT.partition("shared, tasks")[0])
    done = submit(tmp_path, script)
    assert done.code == 0, done.output
    assert "seconds without a start: 0.0" in done.output
    assert "SparkContext" not in done.output


@pytest.mark.parametrize(
    ("body", "code", "last"),
    [
        ("print('done', end='')", 0, "done"),
        ("raise VergerError('no photos')", 1, "verger: error: no photos"),
        ("raise ValueError('unknown')", 1, "ValueError: unknown"),
        ("sys.exit(2)", -signal.SIGABRT, ""),  # a refused command line: Python ends as usual, which aborts here
    ],
)
def test_an_abort_in_the_cleanup_of_a_library_is_not_the_outcome(body: str, code: int, last: str) -> None:
    script = f"""
import atexit, os, sys
from verger_contract.errors import VergerError
from verger_spark.session import run_and_exit

def main():
    {body}

atexit.register(os.abort)
run_and_exit(main)
"""
    paths = f"{ROOT / 'spark_jobs'}:{ROOT / 'plugins'}"
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": paths}, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert f"{done.stdout}{done.stderr}".strip().endswith(last)
