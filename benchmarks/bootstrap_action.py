"""Seconds of the bootstrap action on the system of a node, without the download from S3.

    python -m benchmarks.bootstrap_action [--repeat n]       (as root, after `make node-root`; `make bench-bootstrap`)

Each repetition starts a new system without Python 3.11. It measures the first run, which installs Python and all
wheels, and a second run, which finds everything installed. Prints one line for each.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

from benchmarks.harness.places import STATE
from development import node_system


def main() -> int:
    """Run the command line and return the exit code. See the docstring of the module."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bootstrap_action")
    parser.add_argument("--repeat", type=int, default=3)
    repeat = parser.parse_args().repeat
    if reason := node_system.reason_against():
        print(f"bootstrap_action: error: {reason}", file=sys.stderr)
        return 1
    artifacts = (STATE / "artifacts" / "current").resolve()
    sets = f"/mnt/artifacts/{artifacts.name}"
    seconds: dict[str, list[float]] = {"first run": [], "second run": []}
    for _ in range(repeat):
        with node_system.NodeSystem(artifacts.parent) as node:
            for name, runs in seconds.items():
                started = time.monotonic()
                done = node.run(["bash", f"{sets}/bootstrap_emr.sh", f"file://{sets}"])
                runs.append(time.monotonic() - started)
                if done.returncode != 0:
                    print(f"bootstrap_action: error: the {name} failed:\n{done.stdout}{done.stderr}", file=sys.stderr)
                    return 1
    for name, runs in seconds.items():
        print(f"{name}: {min(runs):.1f} s at least, {statistics.median(runs):.1f} median, {max(runs):.1f} at most")
    return 0


if __name__ == "__main__":
    sys.exit(main())
