"""The interface of all programs: arguments, the table that they write, and the JSON object that they print last."""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

WIDTH = 1280
SCHEMA = pa.schema([("path", pa.string()), ("features", pa.list_(pa.float32()))])


def command_line(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the arguments that all programs take."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", required=True, help="folder or s3:// URI to which the paths are relative")
    parser.add_argument("--list", required=True, type=Path, help="Parquet: path of every photo")
    parser.add_argument("--model", required=True, type=Path, help="file of the network")
    parser.add_argument("--out", required=True, type=Path, help="folder; Parquet written: path, features")
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="cores to use (default: all)")
    return parser


def listed(path: Path) -> list[str]:
    """Return the paths of the photos."""
    paths: list[str] = pq.read_table(path, columns=["path"])["path"].to_pylist()
    return paths


def rows(paths: list[str], features: list[NDArray[np.float32]]) -> pa.Table:
    """Return the table that a program writes. Each array of features has the shape (1280,)."""
    offsets = np.arange(len(paths) + 1, dtype=np.int32) * WIDTH
    return pa.table([pa.array(paths), pa.ListArray.from_arrays(offsets, np.concatenate(features))], schema=SCHEMA)


class Clock:
    """Measures the seconds of the parts of this process, from its start, imports included."""

    def __init__(self) -> None:
        started = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK")
        self._last = time.monotonic() - age
        self._seconds: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """End the part `name` and begin the next one."""
        now = time.monotonic()
        self._seconds[name] = round(now - self._last, 3)
        self._last = now

    def report(self, photos: int, **more: object) -> None:
        """Print the last line of standard output: a JSON object with the number of photos and the seconds."""
        print(json.dumps({"photos": photos, "seconds": self._seconds, **more}), flush=True)
