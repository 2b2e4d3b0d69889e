"""Features of photos that OpenCV read and resized, compared with those of Verger.

    python -m benchmarks.opencv_resize [--photos N]    (in the dev environment; `make bench-opencv`)

The network and its scaling are the same in all rows, only the pixels differ. Writes the table `opencv` into
docs/reader.md: the cosine of both feature vectors, over the photos as they are and over enlarged ones with noise, as a
camera takes them.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.harness import tables
from benchmarks.harness.places import PHOTOS, ROOT, STATE
from sample_photos.albums import Album
from verger_photo.decode import SIDE, decode
from verger_photo.model import Featurizer, Model

Pixels = NDArray[np.uint8]
COUNT, ENLARGED, NOISE = 200, 1600, 8.0
"""Photos; width and height of the enlarged photos in pixels; standard deviation of their noise, of 255."""


def _bgr(path: Path, filter_: int) -> Pixels:
    image = cv2.imread(str(path))
    if image is None:
        raise ValueError(f"{path}: OpenCV cannot read this photo")
    return np.asarray(cv2.resize(image, (SIDE, SIDE), interpolation=filter_), dtype=np.uint8)


WAYS: dict[str, Callable[[Path], Pixels]] = {
    "`cv2.imread`, `cv2.resize` with `INTER_CUBIC`": lambda path: _bgr(path, cv2.INTER_CUBIC),
    "the same, converted to RGB": lambda path: _bgr(path, cv2.INTER_CUBIC)[..., ::-1],
    "RGB, `INTER_AREA`": lambda path: _bgr(path, cv2.INTER_AREA)[..., ::-1],
    "`published.featurizer()`": lambda path: decode(path.read_bytes()),
}


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=PHOTOS, help="folder or zip of <label>/<photo>")
    parser.add_argument("--photos", type=int, default=COUNT, help=f"number of photos (default: {COUNT})")
    arguments = parser.parse_args()
    folder = STATE / "artifacts/current/model"
    featurizer = Featurizer(Model.of(str(folder), lambda name: (folder / name).read_bytes()))
    contents = [content for _, content in Album(arguments.images, arguments.photos).files()]
    sets = {"as it is": contents, f"enlarged to {ENLARGED} × {ENLARGED}": list(map(_enlarged, contents))}
    columns = {name: cosines(featurizer, files) for name, files in sets.items()}
    rows = [{"pixels": way, **{name: columns[name][way] for name in sets}} for way in WAYS]
    tables.write("opencv", rows, ROOT / "docs/reader.md")


def cosines(featurizer: Featurizer, contents: list[bytes]) -> dict[str, str]:
    """Return the median and the smallest cosine to the features of Verger, for each way to read a photo."""
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "photo")
        for content in contents:
            path.write_bytes(content)
            expected = featurizer.features(decode(content)).astype(np.float64)
            for way, pixels in WAYS.items():
                features = featurizer.features(pixels(path)).astype(np.float64)
                found[way].append(float(features @ expected / np.linalg.norm(features) / np.linalg.norm(expected)))
    return {way: f"{np.median(values):.3f} (at least {min(values):.3f})" for way, values in found.items()}


def _enlarged(content: bytes) -> bytes:
    """Return a JPEG of the photo in the size of a camera's, with noise."""
    with Image.open(io.BytesIO(content)) as image:
        large = np.asarray(image.convert("RGB").resize((ENLARGED, ENLARGED), Image.Resampling.BICUBIC), np.float32)
    noise = np.random.default_rng(len(content)).normal(scale=NOISE, size=large.shape)
    buffer = io.BytesIO()
    Image.fromarray((large + noise).clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
