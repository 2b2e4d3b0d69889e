"""What the parts of the path of a photo cost, each by itself, in the ways that were weighed against each other.

    python -m benchmarks.kernels    (in the dev environment, plugins/ on PYTHONPATH; `make bench-kernels`)

The measuring runs in a node's environment on one core; `as it is` marks what Verger does. Writes the table `kernels`
into benchmarks/profiles.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

PHOTOS = 600
THREADS = 32


def main() -> None:
    """Start local S3, measure, write the table."""
    from benchmarks.harness import steps, tables
    from benchmarks.harness.photo_bucket import BUCKET, photo_bucket
    from benchmarks.harness.places import ROOT

    with photo_bucket() as bucket:
        asked = {
            "photos": [str(bucket.files / path) for path in bucket.listing["path"].to_pylist()[::39][:PHOTOS]],
            "keys": bucket.listing["path"].to_pylist()[::39][:PHOTOS],
            "bucket": BUCKET,
            "model": (steps.ARTIFACTS / "model").resolve().as_uri(),
            "server": bucket.stack.status()["s3"]["pid"],
        }
        found = subprocess.run(
            [str(steps.node_python()), "-m", "benchmarks.kernels", "measure"],
            input=json.dumps(asked), text=True, check=True, stdout=subprocess.PIPE, cwd=ROOT,
            env={**os.environ, **bucket.variables, "PYTHONPATH": f"{ROOT}:{ROOT / 'spark_jobs'}"},
        )  # fmt: skip
    rows = json.loads(found.stdout.strip().splitlines()[-1])
    tables.write("kernels", rows, Path(__file__).with_name("profiles.md"))


def measure(asked: dict[str, Any]) -> list[dict[str, str]]:
    """Milliseconds a photo of each part."""
    import numpy as np
    from PIL import Image

    from verger_spark.features.model import Featurizer, Model
    from verger_spark.features.photo import decode, rgb_image

    contents = [Path(path).read_bytes() for path in asked["photos"]]
    featurizer = Featurizer(Model.load(asked["model"]))
    images = [rgb_image(content) for content in contents]
    resized = [image.resize((224, 224), Image.Resampling.BICUBIC) for image in images]
    pixels = [np.asarray(image) for image in resized]
    rows = [
        row("decode a JPEG of 100 × 100", each(rgb_image, contents)),
        row("resize it to 224 × 224, bicubic", each(lambda i: i.resize((224, 224), Image.Resampling.BICUBIC), images)),
        row("scale, into new arrays", each(lambda i: np.asarray(i, dtype=np.float32) / 127.5 - np.float32(1), resized)),
        row("scale, into the network's input (as it is)", each(featurizer._scale, pixels)),
        row("the network", each(lambda _: featurizer._interpreter.invoke(), pixels)),
        row("all of it (as it is)", each(lambda content: featurizer.features(decode(content)), contents)),
    ]
    for name, burst in (("one when one was used", 1), ("half of 128 when half were used (as it is)", 64)):
        client, server = gets(asked, burst)
        rows += [row(f"GET, {name}: client's CPU", client), row(f"GET, {name}: server's CPU", server)]
    return rows


def row(name: str, milliseconds: float) -> dict[str, str]:
    return {"part": name, "ms a photo": f"{milliseconds:.2f}"}


def each(work: Callable[[Any], object], inputs: Iterable[Any]) -> float:
    """CPU milliseconds of `work` on each input."""
    before, count = time.process_time(), 0
    for value in inputs:
        work(value)
        count += 1
    return 1000 * (time.process_time() - before) / count


def gets(asked: dict[str, Any], burst: int) -> tuple[float, float]:
    """CPU milliseconds of client and server a photo, fetched ahead while each is worked on for 8 ms."""
    import obstore

    from verger_spark.io.s3_store import s3_store

    store = s3_store(asked["bucket"])
    keys = iter(asked["keys"])
    waiting: deque[Future[bytes]] = deque()
    ahead = max(2 * burst, THREADS)

    def get(key: str) -> bytes:
        return bytes(obstore.get(store, key).bytes())

    client, server = -time.process_time(), -_cpu(asked["server"])
    with ThreadPoolExecutor(THREADS) as pool:
        while True:
            if len(waiting) <= ahead - burst:
                waiting.extend(pool.submit(get, key) for key, _ in zip(keys, range(ahead - len(waiting)), strict=False))
            if not waiting:
                break
            waiting.popleft().result()
            time.sleep(0.008)
    count = len(asked["keys"])
    return 1000 * (client + time.process_time()) / count, 1000 * (server + _cpu(asked["server"])) / count


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    if sys.argv[1:] == ["measure"]:
        print(json.dumps(measure(json.load(sys.stdin))))
    else:
        main()
