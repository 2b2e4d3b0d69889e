"""Where the CPU time of both steps goes, before and now: JVM threads by purpose, a Python worker by function.

    python -m benchmarks.profile [--photos N] [--before COMMIT]    (in the dev environment, plugins/ on PYTHONPATH;
                                                                    `make bench-profile`)

The steps of an earlier commit run with Spark's own defaults, in the environment of today's steps. py-spy samples a
worker; the JVM's threads come from psutil. Writes two tables for each step into benchmarks/profiles.md.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.harness import earlier_steps, steps, tables
from benchmarks.harness.photo_bucket import BUCKET, PhotoBucket, photo_bucket
from benchmarks.harness.places import FOLDER, PHOTOS, PROFILES
from benchmarks.measuring import sampling

BEFORE = "b7108ce"
"""The commit before the changes that profiles.md describes."""

STEPS = ("featurize", "pca")
TOP = 8
"""Functions of each column."""

Sampled = tuple[Mapping[str, float], Mapping[str, float]]
"""CPU seconds of the JVM's threads by purpose, percentages of a worker's samples by function."""


def main() -> None:
    """Run both steps of the earlier commit and of this tree, sample them, write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=PHOTOS, help="folder or zip of <label>/<photo>")
    parser.add_argument("--photos", type=int, default=8000, help="number of photos (default: 8,000)")
    parser.add_argument("--before", default=BEFORE, metavar="COMMIT", help=f"earlier commit (default: {BEFORE})")
    parser.add_argument("--page", type=Path, default=PROFILES, help="page to write into")
    arguments = parser.parse_args()
    earlier = earlier_steps.check_out(arguments.before)
    with photo_bucket(arguments.images) as bucket:
        found = {name: profile(bucket, arguments.photos, jobs) for name, jobs in (("before", earlier), ("now", None))}
    for step in STEPS:
        threads, functions = ({name: of[step][kind] for name, of in found.items()} for kind in (0, 1))
        tables.write(f"{step}_threads", side_by_side("the JVM's threads, CPU s", threads), arguments.page)
        tables.write(f"{step}_worker", side_by_side("a worker's Python, % of samples", functions), arguments.page)


def profile(bucket: PhotoBucket, photos: int, jobs: Path | None) -> dict[str, Sampled]:
    """Run and sample both steps, those of the checkout `jobs` if it is given."""
    # A new name each time: SeaweedFS keeps deleted folders for a while.
    folder = f"profile-{time.time_ns()}"
    more = [] if jobs else ["--photos", str(photos)]  # as the DAG does; earlier steps have no such argument
    commands = {
        "featurize": steps.featurize(bucket.variables, folder, bucket.inventory(photos)),
        "pca": steps.pca(bucket.variables, folder, f"s3://{BUCKET}/{folder}/features", *more),
    }
    found: dict[str, Sampled] = {}
    for step, command in commands.items():
        print(f"{step}, {photos:,} photos, {'this tree' if jobs is None else jobs}", flush=True)
        threads, functions = run(earlier_steps.command(command, jobs) if jobs else command)
        samples = sum(functions.values()) or 1
        found[step] = threads, {name: 100 * count / samples for name, count in functions.items()}
    bucket.empty(f"{folder}/")
    return found


def run(command: steps.Command) -> tuple[Mapping[str, float], Mapping[str, int]]:
    """Return the CPU seconds of the JVM by purpose of its threads, and the samples of the first worker by function.

    Raises
    ------
    SystemExit
        The step failed. The message names the log.
    """
    log_file = FOLDER / "logs" / "profile.log"
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with (
        log_file.open("wb") as log,
        subprocess.Popen(command.argv, env=command.environment, cwd=FOLDER, stdout=log, stderr=log) as step,
    ):
        threads, samples = sampling.sample(step)
    if step.returncode:
        raise SystemExit(f"the step failed; see {log_file}")
    return threads, samples


def side_by_side(title: str, found: Mapping[str, Mapping[str, float]]) -> list[dict[str, str]]:
    """Return rows with the largest figures of each column, in the order of the last column."""
    largest = [name for of in found.values() for name in sorted(of, key=lambda name: -of[name])[:TOP]]
    ordered = sorted(
        dict.fromkeys(largest), key=lambda name: [-of.get(name, 0.0) for of in reversed([*found.values()])]
    )
    return [
        {title: f"`{name}`" if "(" in name else name}
        | {column: f"{of[name]:.1f}" if name in of else "" for column, of in found.items()}
        for name in ordered
    ]


if __name__ == "__main__":
    main()
