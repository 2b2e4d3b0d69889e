"""Where the processor's time goes in a step: threads of the JVM by what they do, a Python worker by function.

    python -m benchmarks.profile featurize|pca [--photos N] [--jobs FOLDER]
                                 (in the dev environment, plugins/ on PYTHONPATH; `make bench-profile`)

`--jobs` is the spark_jobs folder of another checkout, to profile what was before. The worker is sampled by py-spy, the
JVM's threads by /proc. Prints two tables; benchmarks/profiles.md says what was learned from them.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from benchmarks import steps
from benchmarks.contests import BENCH
from benchmarks.photo_bucket import BUCKET, FOLDER, photo_bucket
from benchmarks.tables import markdown

RUN = "profile"
SAMPLED_S = 20
#: Where threads wait that py-spy takes for busy.
WAITING = ("_worker (thread.py)", "_wait_for_tstate_lock (threading.py)", "manager (daemon.py)")
#: Kinds of JVM threads by the beginnings of their names.
THREADS = {
    "C2 Comp": "compiling, thorough",
    "C1 Comp": "compiling, quick",
    "Executor task": "tasks",
    "Thread-": "the driver's calls",
    "G1 ": "collecting garbage",
    "GC Thread": "collecting garbage",
    "VM Thread": "collecting garbage",
}


def main() -> None:
    """Run the step, sample it, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["featurize", "pca"])
    parser.add_argument("--photos", type=int, default=8000)
    parser.add_argument("--jobs", type=Path, help="spark_jobs of another checkout")
    arguments = parser.parse_args()
    with photo_bucket() as bucket:
        inventory = bucket.inventory(arguments.photos)
        bucket.empty(f"{RUN}/")
        command = steps.featurize(bucket.variables, RUN, inventory)
        if arguments.step == "pca":
            run(command)
            command = steps.pca(bucket.variables, RUN, f"s3://{BUCKET}/{RUN}/features")
        if arguments.jobs:
            command = with_jobs(command, arguments.jobs)
        started = time.monotonic()
        threads, functions = run(command, sampled=True)
        print(f"{arguments.step}, {arguments.photos:,} photos, {time.monotonic() - started:.1f} s with Spark's start\n")
        by_size = sorted(threads.items(), key=lambda item: -item[1])
        print(markdown([{"JVM threads": name, "CPU s": f"{seconds:.1f}"} for name, seconds in by_size]))
        samples = sum(functions.values()) or 1
        rows = [{"a worker's Python": name, "%": f"{100 * n / samples:.1f}"} for name, n in functions.most_common(12)]
        print(f"\n{markdown(rows)}" if rows else "\nno worker lived long enough to be sampled")
        bucket.empty(f"{RUN}/")


def with_jobs(command: steps.Command, jobs: Path) -> steps.Command:
    """The same command with the steps of another checkout, as Spark's defaults would run them."""
    package = shutil.make_archive(str(FOLDER / "verger_spark"), "zip", jobs, "verger_spark")
    argv = [
        package if word.endswith("verger_spark.zip") else str(jobs / Path(word).name) if word.endswith(".py") else word
        for word in command.argv
    ]
    plain = ["spark.driver.extraJavaOptions=-Dx=1" if "extraJavaOptions" in word else word for word in argv]
    return steps.Command(plain, command.environment)


def run(command: steps.Command, *, sampled: bool = False) -> tuple[dict[str, float], Counter[str]]:
    """CPU seconds of the JVM by kind of thread, samples of the first Python worker by function."""
    threads: dict[str, tuple[str, float]] = {}
    spy: subprocess.Popen[bytes] | None = None
    raw = FOLDER / "worker.samples"
    raw.unlink(missing_ok=True)
    with (FOLDER / "logs" / "profile.log").open("wb") as log:
        step = subprocess.Popen(command.argv, env=command.environment, cwd=FOLDER, stdout=log, stderr=log)
        while step.poll() is None:
            time.sleep(0.25)
            threads.update(threads_of(step.pid))
            if sampled and spy is None and (worker := first_worker()) is not None:
                options = ["--duration", str(SAMPLED_S), "--rate", "100", "--format", "raw", "--output", str(raw)]
                spy = subprocess.Popen([BENCH.parent / "py-spy", "record", "--pid", str(worker), *options])
    if step.returncode:
        raise SystemExit(f"the step failed; see {FOLDER}/logs/profile.log")
    if spy is not None:
        spy.wait()
    kinds: dict[str, float] = defaultdict(float)
    for name, seconds in threads.values():
        kinds[next((kind for start, kind in THREADS.items() if name.startswith(start)), "all else")] += seconds
    return kinds, functions(raw.read_text().splitlines() if raw.exists() else [])


def threads_of(pid: int) -> dict[str, tuple[str, float]]:
    """Name and CPU seconds of each thread of a process, by id."""
    found = {}
    for task in Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            text = task.read_text()
        except OSError:
            continue
        name, fields = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
        found[task.parent.name] = (name, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"))
    return found


def first_worker() -> int | None:
    """A Python worker: a child of a `pyspark.daemon`."""
    commands = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            commands[int(status.parent.name)] = (parent, (status.parent / "cmdline").read_bytes())
        except OSError:
            continue
    return next(
        (pid for pid, (parent, line) in commands.items()
         if b"pyspark.daemon" in line and b"pyspark.daemon" in commands.get(parent, (0, b""))[1]),
        None,
    )  # fmt: skip


def functions(lines: Iterable[str]) -> Counter[str]:
    """Samples by the innermost Python function, with the file that it is in."""
    found: Counter[str] = Counter()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        name = re.sub(r"\((?:.*/)?([\w.]+)(?::\d+)?\)", r"(\1)", stack.rpartition(";")[2])
        if name not in WAITING:
            found[name] += int(count)
    return found


if __name__ == "__main__":
    main()
