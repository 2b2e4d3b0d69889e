"""Decode mutated files of every kind in one process: each gives pixels or a reject, in little time and memory.

    python -m tests.verger_photo.limits.fuzz [--files 10000] [--seed 1] [--kind JPEG]

`make fuzz-photos` runs it. The process has the memory of the limits beyond its own; a file that needs more ends it. The
number of the file that is being decoded is in the file `current`, so that a crash can be repeated.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sample_photos.formats import KINDS, picture
from tests.verger_photo.limits.mutations import mutated
from verger_contract.preprocessing import Decoding
from verger_photo.decode import SIDE, decode
from verger_photo.limits.sizes import MIB, WORKER
from verger_photo.unreadable import UnreadablePhoto

SIZES = ((37, 29), (120, 80), (300, 500))
MOST_SECONDS = 5.0


@dataclass
class Found:
    """What became of the files.

    Attributes
    ----------
    outcomes : Counter of str
        Number of files for "pixels" and for each kind of reject.
    slowest : (float, str)
        The longest CPU time in seconds, and the file.
    peak : int
        Growth of the resident set of the process in bytes.
    wrong : list of str
        Files that gave another error, other pixels than an array of 224 x 224 x 3, or took too long.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "")
    peak: int = 0
    wrong: list[str] = field(default_factory=list)


def fuzz(files: int, seed: int, kinds: list[str], current: Path | None = None) -> Found:
    """Decode mutated files. Each depends on the seed and its number only."""
    intact = {name: [KINDS[name](picture(*size)) for size in SIZES] for name in kinds}
    everything = [content for contents in intact.values() for content in contents]
    found, before = Found(), _memory("VmRSS")
    for number in range(files):
        name = kinds[number % len(kinds)]
        rng = np.random.default_rng([seed, number])
        content = mutated(intact[name][rng.integers(len(SIZES))], everything[rng.integers(len(everything))], rng)
        if current:
            current.write_text(str(number))
        _decode(content, f"{number} ({name})", Decoding.SCALED if number % 3 == 0 else Decoding.EXACT, found)
    found.peak = _memory("VmHWM") - before
    return found


def _decode(content: bytes, name: str, decoding: Decoding, found: Found) -> None:
    start = time.process_time()
    try:
        pixels = decode(content, decoding)
        found.outcomes["pixels"] += 1
        if pixels.shape != (SIDE, SIDE, 3) or pixels.dtype != np.uint8:
            found.wrong.append(f"{name}: {pixels.dtype} of shape {pixels.shape}")
    except UnreadablePhoto as unreadable:
        found.outcomes[unreadable.kind.value] += 1
        if "\n" in str(unreadable):
            found.wrong.append(f"{name}: a reason of several lines")
    except BaseException as error:  # noqa: BLE001 - what else a decoder raises is what is looked for
        found.wrong.append(f"{name}: {error!r}")
    seconds = time.process_time() - start
    found.slowest = max(found.slowest, (seconds, name))
    if seconds > MOST_SECONDS:
        found.wrong.append(f"{name}: {seconds:.1f} s")


def _memory(name: str) -> int:
    # ru_maxrss is not used: a process inherits that of the process that starts it.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def main() -> int:
    """Run the fuzzing in a process of its own, so that a crash is a result too. Return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", default="", help="beginning of the names of the kinds")
    parser.add_argument("--current", type=Path, help="file that gets the number of the file that is being decoded")
    parser.add_argument("--here", action="store_true", help="decode in this process")
    arguments = parser.parse_args()
    if not arguments.here:
        command = [sys.executable, "-m", "tests.verger_photo.limits.fuzz", "--here", *sys.argv[1:]]
        code = subprocess.run(command, check=False).returncode
        if code < 0:
            print(f"the process ended by signal {-code}")
        return code
    warnings.simplefilter("ignore")  # Pillow warns about damaged files
    kinds = [name for name in KINDS if name.startswith(arguments.kind)]
    found = fuzz(arguments.files, arguments.seed, kinds, arguments.current)
    for outcome, count in found.outcomes.most_common():
        print(f"{count:8,}  {outcome}")
    print(f"slowest: {found.slowest[0]:.2f} s, file {found.slowest[1]}")
    print(f"the process grew by {found.peak / MIB:,.0f} MiB, the limit is {WORKER.memory / MIB:,.0f}")
    for wrong in found.wrong[:50]:
        print("WRONG", wrong)
    return int(bool(found.wrong) or found.peak > WORKER.memory)


if __name__ == "__main__":
    sys.exit(main())
