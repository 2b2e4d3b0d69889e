"""Where the processor's time goes in both steps, before and after: threads of the JVM by what they do, a Python
worker by function.

    python -m benchmarks.profile [--photos N] [--before COMMIT]    (in the dev environment, plugins/ on PYTHONPATH;
                                                                    `make bench-profile`)

Before are the spark_jobs of a commit, run with Spark's own defaults. A worker is sampled by py-spy, the JVM's threads
by /proc. Writes two tables for each step into benchmarks/profiles.md, which says what was learned from them.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shutil
import subprocess
import tarfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmarks.comparison.runs import BENCH
from benchmarks.harness import steps, tables
from benchmarks.harness.photo_bucket import BUCKET, PhotoBucket, photo_bucket
from benchmarks.harness.places import FOLDER, ROOT

PAGE = Path(__file__).with_name("profiles.md")
BEFORE = "b7108ce"
"""The commit before the changes that profiles.md speaks of."""
STEPS = ("featurize", "pca")
SAMPLED_S = 20
TOP = 8
Sampled = tuple[Mapping[str, float], Mapping[str, float]]
"""CPU seconds of the JVM's threads by kind, shares of a worker's samples by function."""
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
    """Run both steps as they were and as they are, sample them, write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=8000)
    parser.add_argument("--before", default=BEFORE, metavar="COMMIT", help=f"what to compare with (default: {BEFORE})")
    arguments = parser.parse_args()
    jobs = checked_out(arguments.before)
    with photo_bucket() as bucket:
        found = {name: sampled(bucket, arguments.photos, old) for name, old in (("before", jobs), ("now", None))}
    for step in STEPS:
        threads, functions = ({name: of[step][kind] for name, of in found.items()} for kind in (0, 1))
        tables.write(f"{step}_threads", side_by_side("the JVM's threads, CPU s", threads, "{:.1f}"), PAGE)
        tables.write(f"{step}_worker", side_by_side("a worker's Python, % of samples", functions, "{:.1f}"), PAGE)


def sampled(bucket: PhotoBucket, photos: int, jobs: Path | None) -> dict[str, Sampled]:
    """Both steps over so many photos, those of another checkout if it is given."""
    # Another name each time: of what is deleted SeaweedFS keeps the folders for a while.
    folder = f"profile-{time.time_ns()}"
    told = [] if jobs else ["--photos", str(photos)]  # as by the DAG; earlier steps count them
    commands = {
        "featurize": steps.featurize(bucket.variables, folder, bucket.inventory(photos)),
        "pca": steps.pca(bucket.variables, folder, f"s3://{BUCKET}/{folder}/features", *told),
    }
    found: dict[str, Sampled] = {}
    for step, command in commands.items():
        print(f"{step}, {photos:,} photos, {'as it is' if jobs is None else jobs}", flush=True)
        threads, functions = run(with_jobs(command, jobs) if jobs else command)
        samples = sum(functions.values()) or 1
        found[step] = threads, {name: 100 * count / samples for name, count in functions.items()}
    bucket.empty(f"{folder}/")
    return found


def side_by_side(title: str, found: Mapping[str, Mapping[str, float]], shown: str) -> list[dict[str, str]]:
    """Rows of a table: the largest figures of each column, in the order of the last."""
    tops = [name for of in found.values() for name in sorted(of, key=lambda name: -of[name])[:TOP]]
    ordered = sorted(dict.fromkeys(tops), key=lambda name: [-of.get(name, 0.0) for of in reversed([*found.values()])])
    return [
        {title: f"`{name}`" if "(" in name else name}
        | {column: shown.format(of[name]) if name in of else "" for column, of in found.items()}
        for name in ordered
    ]


def checked_out(commit: str) -> Path:
    """The spark_jobs of a commit, in a folder of their own. Raises SystemExit where git does not know it."""
    folder = FOLDER / f"jobs-{commit}"
    folder.mkdir(parents=True, exist_ok=True)
    archive = subprocess.run(["git", "archive", commit, "spark_jobs"], check=False, cwd=ROOT, capture_output=True)
    if archive.returncode:
        raise SystemExit(f"{commit}: expected a commit of this repository, git says: {archive.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder / "spark_jobs"


def with_jobs(command: steps.Command, jobs: Path) -> steps.Command:
    """The same command with the steps of another checkout, as Spark's defaults would run them."""
    package = shutil.make_archive(str(FOLDER / "verger_spark"), "zip", jobs, "verger_spark")
    argv = [
        package if word.endswith("verger_spark.zip") else str(jobs / Path(word).name) if word.endswith(".py") else word
        for word in command.argv
    ]
    plain = ["spark.driver.extraJavaOptions=-Dx=1" if "extraJavaOptions" in word else word for word in argv]
    return steps.Command(plain, command.environment)


def run(command: steps.Command) -> tuple[dict[str, float], Counter[str]]:
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
            if spy is None and (worker := first_worker()) is not None:
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
