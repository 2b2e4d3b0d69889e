"""Peak memory and time of decoding, for each kind of file, beside the bound that the limits compute.

    python -m benchmarks.decoding [--width N --height N]    (in the dev environment; `make bench-decoding`)

Each file is decoded in a process of its own. Its peak is the growth of its resident set. Writes the table
`decoding_memory` into benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from sample_photos.formats import KINDS, Encode, picture
from verger_photo.decode import decode
from verger_photo.formats import format_of, opened
from verger_photo.limits import memory
from verger_photo.limits.checks import read_header
from verger_photo.limits.sizes import MIB, WORKER
from verger_photo.unreadable import UnreadablePhoto

WIDTH, HEIGHT = 3000, 2000
SMALLER = 3
"""Width and height are divided by it for the kinds whose files may not be large."""


def main() -> None:
    """Measure all kinds and write the table."""
    from benchmarks.harness import tables

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=WIDTH)
    parser.add_argument("--height", type=int, default=HEIGHT)
    arguments = parser.parse_args()
    rows = [row(name, encode, arguments.width, arguments.height) for name, encode in KINDS.items()]
    tables.write("decoding_memory", rows)
    if low := [name for name, found in zip(KINDS, rows, strict=True) if found["bound"] == "exceeded"]:
        raise SystemExit(f"decoding took more than the bound, correct verger_photo.limits: {', '.join(low)}")


def row(name: str, encode: Encode, width: int, height: int) -> dict[str, str]:
    """Return a row of the table."""
    if name in ("PPM, RGB, text", "BMP, run-length"):
        width, height = width // SMALLER, height // SMALLER
    content = encode(picture(width, height))
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(content)
        found = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "benchmarks.decoding", "measure", file.name],
            check=True, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
    measured = json.loads(found.stdout)
    pixels = width * height
    bound = measured["bound"] - memory.BLOCKS
    largest = min((WORKER.memory - memory.BLOCKS) * pixels / (bound + len(content)), WORKER.pixels)
    return {
        "kind": name,
        "Mpx": f"{pixels / 1e6:.1f}",
        "file, MiB": f"{len(content) / MIB:.1f}",
        "ns a pixel": f"{1e9 * measured['seconds'] / pixels:.0f}",
        "measured, bytes a pixel": f"{measured['peak'] / pixels:.1f}",
        "bound, bytes a pixel": f"{bound / pixels:.1f}",
        "largest photo, Mpx": f"{largest / 1e6:.0f}",
        "bound": "exceeded" if measured["peak"] > measured["bound"] else "holds",
    }


def measure(path: str) -> dict[str, float]:
    """Decode a file and return the growth of this process, its bound without the file, and the seconds."""
    content = Path(path).read_bytes()
    warm = io.BytesIO()
    Image.new("RGB", (8, 8)).save(warm, "PNG")
    decode(warm.getvalue())
    Image.init()
    bound = _bound(content)
    Path("/proc/self/clear_refs").write_text("5")  # the peak of the resident set starts again
    before, start = _status("VmRSS"), time.perf_counter()
    try:
        decode(content)
    except UnreadablePhoto as unreadable:
        raise SystemExit(f"{path}: {unreadable}") from None
    seconds, peak = time.perf_counter() - start, _status("VmHWM") - before
    return {"peak": peak, "bound": bound, "seconds": seconds}


def _bound(content: bytes) -> int:
    form = format_of(content)
    header = read_header(form, content)
    return memory.peak(opened(form, header.content).image, header) - len(content)


def _status(field: str) -> int:
    """Return a size of this process in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(field))


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        print(json.dumps(measure(sys.argv[2])))
    else:
        main()
