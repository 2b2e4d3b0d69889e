"""Runs with changing photos, and what the processes and the bucket hold after each (`make chaos-soak RUNS=50`).

    python -m chaos.soak [--runs 50] [--seed 14] [--state FOLDER]

After each run it records memory (RSS), open files and number of processes of every process tree of Airflow and of
local AWS, and the number of objects by prefix. The last quarter of the runs is compared with the second one: the first
quarter fills caches.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from chaos.campaign import Campaign
from chaos.harness.bucket import KEPT, Bucket
from chaos.harness.stack import STATE, ChaosStack, chaos_stack, process_ids
from chaos.harness.trial import Trial
from development.stack import Ports
from local_aws.processes import interrupts
from verger_contract.keys import FEATURES, PCA, REJECTS, owner

MEMORY_SHARE, MEMORY_MIB = 0.10, 25.0
"""Memory may grow by the larger of both."""
MORE_FILES, MORE_PROCESSES = 10, 1
PORT = 18700


@dataclass(frozen=True)
class Usage:
    """A process with its descendants: MiB, open files, processes."""

    memory_mib: float
    files: int
    processes: int

    @classmethod
    def of(cls, pid: int) -> Usage:
        """Measure a process tree now. A process that ends during the measurement does not count."""
        memory, files, count = 0.0, 0, 0
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            try:
                memory, files = memory + process.memory_info().rss / 2**20, files + process.num_fds()
                count += 1
            except psutil.Error:
                continue
        return cls(round(memory, 1), files, count)


@dataclass(frozen=True)
class Sample:
    """What was there after a run."""

    run: str
    usage: dict[str, Usage]
    objects: dict[str, int]
    unnamed: int


def change(bucket: Bucket, drawn: random.Random, number: int) -> None:
    """Add, replace and delete a photo each, so that every run has work."""
    key, content = bucket.spare[number % len(bucket.spare)]
    bucket.put_photo(f"{key.removesuffix('.jpg')} {number}.jpg", content)
    photos = sorted(bucket.photos())
    bucket.put_photo(drawn.choice(photos), drawn.choice(bucket.spare)[1])
    if len(photos) > len(bucket.spare) // 2:
        bucket.delete(drawn.choice(photos))


def sample(stack: ChaosStack, campaign: Campaign, run: str) -> Sample:
    """Measure all processes and count all objects."""
    keys = campaign.bucket.keys()
    objects = Counter(key.partition("/")[0] for key in keys if not key.startswith(KEPT))
    usage = {name: Usage.of(pid) for name, pid in process_ids(stack).items()}
    return Sample(run, usage, dict(sorted(objects.items())), len(unnamed(campaign, list(keys))))


def unnamed(campaign: Campaign, keys: list[str]) -> list[str]:
    """Return the data files of runs that published.json does not name: vacuum should have deleted them."""
    named = json.dumps(campaign.judge.document())
    found = []
    for key in keys:
        for prefix in (FEATURES, REJECTS, PCA):
            run = key.removeprefix(prefix).partition("/")[0]
            if key.startswith(prefix) and f'"{run}"' not in named and f'"{owner(run)}"' not in named:
                found.append(key)
    return found


def leaks(samples: list[Sample]) -> list[str]:
    """Compare the last quarter of the samples with the second one; return what has grown."""
    quarter = len(samples) // 4
    found = []
    for name in samples[-1].usage if quarter else ():
        early, late = (
            [one.usage[name] for one in part] for part in (samples[quarter : 2 * quarter], samples[-quarter:])
        )
        memory = [statistics.median(usage.memory_mib for usage in part) for part in (early, late)]
        files = [statistics.median(usage.files for usage in part) for part in (early, late)]
        count = [statistics.median(usage.processes for usage in part) for part in (early, late)]
        if memory[1] - memory[0] > max(MEMORY_MIB, MEMORY_SHARE * memory[0]):
            found.append(f"{name}: memory grew from {memory[0]:.0f} to {memory[1]:.0f} MiB")
        if files[1] - files[0] > MORE_FILES:
            found.append(f"{name}: open files grew from {files[0]:.0f} to {files[1]:.0f}")
        if count[1] - count[0] > MORE_PROCESSES:
            found.append(f"{name}: processes grew from {count[0]:.0f} to {count[1]:.0f}")
    if samples[-1].unnamed:
        found.append(f"{samples[-1].unnamed} data files that published.json does not name")
    return found


def soak(stack: ChaosStack, runs: int, seed: int, folder: Path) -> list[str]:
    """Run the DAG so often; write `soak.json` after each run; return what has grown."""
    campaign, drawn, samples = Campaign(stack), random.Random(seed), list[Sample]()
    for number in range(runs):
        change(campaign.bucket, drawn, number)
        run = Trial(f"soak-{number}", stack, campaign.bucket).new_run()
        state = stack.airflow.wait(run, stack.run_s)
        verdict = campaign.judge.verdict()
        if state != "success" or verdict.damage or campaign.judge.lost(verdict):
            return [f"{run}: {state} {verdict.damage}".strip()]
        samples.append(sample(stack, campaign, run))
        (folder / "soak.json").write_text(json.dumps([asdict(one) for one in samples], indent=1))
        print(line(samples[-1]), flush=True)
    return leaks(samples)


def line(one: Sample) -> str:
    """Return a sample as a line for the terminal."""
    usage = ", ".join(f"{name} {use.memory_mib:.0f} MiB {use.files} files" for name, use in one.usage.items())
    return f"{one.run}: {usage}; objects {one.objects}"


def main() -> int:
    """Run the command line; return 0 when nothing has grown."""
    parser = argparse.ArgumentParser(prog="make chaos-soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=50, help="number of runs (default: 50)")
    parser.add_argument("--seed", type=int, default=14, help="seed of the changes (default: 14)")
    parser.add_argument("--state", type=Path, default=STATE, help="folder of soak.json and of the stack's files")
    given = parser.parse_args()
    interrupts.catch()
    with chaos_stack(given.state / "soak", Ports.from_first(PORT)) as stack:
        grown = soak(stack, given.runs, given.seed, given.state)
    print("\n".join(grown) or f"{given.runs} runs: nothing has grown")
    return int(bool(grown))


if __name__ == "__main__":
    sys.exit(main())
