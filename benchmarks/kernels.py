"""CPU time of each part of the processing of a photo, and of the variants that were considered.

    python -m benchmarks.kernels [--photos N] [--only small|camera]
                                                 (in the dev environment, plugins/ on PYTHONPATH; `make bench-kernels`)

The parts run in a node environment on one core. Verger uses the variants that are marked `as it is`. Writes the tables
`kernels`, of small photos, and `kernels_camera`, of photos of 12 megapixels, into benchmarks/profiles.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict

PHOTOS = 600
THREADS = 32
CAMERA_PHOTOS = 24
KEPT_BLOCKS = 2
"""PILLOW_BLOCKS_MAX of the steps (verger.emr.requests)."""

NETWORK_S = 0.008
"""Seconds between two photos, in place of the network."""


class Request(TypedDict):
    """What `measure` gets: files and keys of photos, bucket, URI of the model folder, pid of the S3 server."""

    photos: list[str]
    keys: list[str]
    bucket: str
    model: str
    server: int


def main() -> None:
    """Measure in a node environment, and write the tables."""
    from benchmarks.harness.places import PHOTOS as IMAGES
    from benchmarks.harness.places import PROFILES

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=IMAGES, help="folder or zip of <label>/<photo>")
    parser.add_argument("--photos", type=int, default=PHOTOS, help=f"number of small photos (default: {PHOTOS})")
    parser.add_argument("--only", choices=["small", "camera"], help="photos to measure with (default: both)")
    parser.add_argument("--page", type=Path, default=PROFILES, help="page to write into")
    arguments = parser.parse_args()
    if arguments.only != "camera":
        small(arguments.images, arguments.photos, arguments.page)
    if arguments.only != "small":
        camera(arguments.images, arguments.page)


def small(images: Path, photos: int, page: Path) -> None:
    """Start local S3, measure with small photos, write the table."""
    from benchmarks.harness import steps, tables
    from benchmarks.harness.photo_bucket import BUCKET, photo_bucket, subset

    with photo_bucket(images) as bucket:
        keys = bucket.listing["path"].take(subset(bucket.photos, photos)).to_pylist()
        request: Request = {
            "photos": [str(bucket.files / key) for key in keys],
            "keys": keys,
            "bucket": BUCKET,
            "model": (steps.ARTIFACTS / "model").resolve().as_uri(),
            "server": bucket.stack.status()["s3"]["pid"],
        }
        tables.write("kernels", in_node("measure", request, bucket.variables), page)


def camera(images: Path, page: Path) -> None:
    """Make photos of 12 megapixels, measure with them, write the table."""
    from benchmarks.harness import steps, tables
    from benchmarks.harness.camera_photos import TWELVE, make

    folder = make(replace(TWELVE, photos=CAMERA_PHOTOS), images)
    photos = [str(path) for path in sorted(folder.rglob("*.jpg"))[:CAMERA_PHOTOS]]
    model = (steps.ARTIFACTS / "model").resolve().as_uri()
    request: Request = {"photos": photos, "keys": [], "bucket": "", "model": model, "server": 0}
    tables.write("kernels_camera", in_node("measure_camera", request, {}), page)


def in_node(what: str, request: Request, variables: Mapping[str, str]) -> list[dict[str, str]]:
    """Run a function of this module in a node environment and return its rows."""
    from benchmarks.harness import steps
    from benchmarks.harness.places import ROOT

    paths = (ROOT, ROOT / "spark_jobs", ROOT / "plugins")
    found = subprocess.run(
        [str(steps.node_python()), "-m", "benchmarks.kernels", what],
        input=json.dumps(request), text=True, check=True, stdout=subprocess.PIPE, cwd=ROOT,
        env={**os.environ, **variables, "PYTHONPATH": os.pathsep.join(map(str, paths))},
    )  # fmt: skip
    rows: list[dict[str, str]] = json.loads(found.stdout.strip().splitlines()[-1])
    return rows


def measure(request: Request) -> list[dict[str, str]]:
    """Return a row with the milliseconds a photo for each part."""
    import numpy as np
    from PIL import Image

    from verger_photo.decode import decode, rgb_image
    from verger_photo.model import Featurizer
    from verger_spark.features.model import load_model

    contents = [Path(path).read_bytes() for path in request["photos"]]
    featurizer = Featurizer(load_model(request["model"]))
    images = [rgb_image(content) for content in contents]
    resized = [image.resize((224, 224), Image.Resampling.BICUBIC) for image in images]
    pixels = [np.asarray(image) for image in resized]
    rows = [
        row("decode a JPEG of 100 × 100", each(rgb_image, contents)),
        row("resize it to 224 × 224, bicubic", each(lambda i: i.resize((224, 224), Image.Resampling.BICUBIC), images)),
        row("scale, into new arrays", each(lambda i: np.asarray(i, dtype=np.float32) / 127.5 - np.float32(1), resized)),
        row("scale, into the network's input (as it is)", each(featurizer._scale, pixels)),
        row("the network", each(lambda _: featurizer._interpreter.invoke(), pixels)),
        row("all parts (as it is)", each(lambda content: featurizer.features(decode(content)), contents)),
    ]
    for name, burst in (("one after each photo", 1), ("64 after each 64 photos, 128 prefetched (as it is)", 64)):
        client, server = gets(request, burst)
        rows += [row(f"GET, {name}: client's CPU", client), row(f"GET, {name}: server's CPU", server)]
    return rows


def measure_camera(request: Request) -> list[dict[str, str]]:
    """Return a row with the milliseconds a photo for each part of a photo of 12 megapixels."""
    from PIL import Image

    from verger_contract.preprocessing import Decoding
    from verger_photo.decode import decode, rgb_image
    from verger_photo.model import Featurizer
    from verger_spark.features.model import load_model

    contents = [Path(path).read_bytes() for path in request["photos"]]
    featurizer = Featurizer(load_model(request["model"]))
    large, scaled = rgb_image(contents[0]), rgb_image(contents[0], Decoding.SCALED)
    blocks: Any = Image.core  # type: ignore[attr-defined]
    rows = [row("copy its content", each(lambda content: bytes(memoryview(content)), contents))]
    rows.append(row("decode it, exact, in new memory", each(rgb_image, contents)))
    blocks.set_blocks_max(KEPT_BLOCKS)
    return [
        *rows,
        row("decode it, exact (as it is)", each(rgb_image, contents)),
        row("resize it", each(lambda _: large.resize((224, 224), Image.Resampling.BICUBIC), contents)),
        row("decode it, scaled (as it is)", each(lambda content: rgb_image(content, Decoding.SCALED), contents)),
        row("resize it", each(lambda _: scaled.resize((224, 224), Image.Resampling.BICUBIC), contents)),
        row("all parts, exact", each(lambda content: featurizer.features(decode(content)), contents)),
        row(
            "all parts, scaled",
            each(lambda content: featurizer.features(decode(content, Decoding.SCALED)), contents),
        ),
    ]


def row(name: str, milliseconds: float) -> dict[str, str]:
    """Return a row of the table."""
    return {"part": name, "ms a photo": f"{milliseconds:.2f}"}


def each(work: Callable[[Any], object], inputs: Iterable[Any]) -> float:
    """Return the CPU milliseconds of `work` for each input."""
    before, count = time.process_time(), 0
    for value in inputs:
        work(value)
        count += 1
    return 1000 * (time.process_time() - before) / count


def gets(request: Request, burst: int) -> tuple[float, float]:
    """Prefetch photos, `burst` at a time, and return the CPU milliseconds of client and server for each photo."""
    import obstore

    from verger_spark.io.s3_store import s3_store

    store = s3_store(request["bucket"])
    keys = iter(request["keys"])
    waiting: deque[Future[bytes]] = deque()
    ahead = max(2 * burst, THREADS)

    def get(key: str) -> bytes:
        return bytes(obstore.get(store, key).bytes())

    client, server = -time.process_time(), -_cpu(request["server"])
    with ThreadPoolExecutor(THREADS) as pool:
        while True:
            if len(waiting) <= ahead - burst:
                waiting.extend(pool.submit(get, key) for key, _ in zip(keys, range(ahead - len(waiting)), strict=False))
            if not waiting:
                break
            waiting.popleft().result()
            time.sleep(NETWORK_S)
    count = len(request["keys"])
    client, server = client + time.process_time(), server + _cpu(request["server"])
    return 1000 * client / count, 1000 * server / count


def _cpu(pid: int) -> float:
    """Return the CPU seconds of a process. A node environment has no psutil."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    if sys.argv[1:] in (["measure"], ["measure_camera"]):
        print(json.dumps({"measure": measure, "measure_camera": measure_camera}[sys.argv[1]](json.load(sys.stdin))))
    else:
        main()
