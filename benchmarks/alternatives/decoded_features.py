"""The features of photos in three ways: decoded exactly, decoded scaled, and exactly after a second JPEG encoding.

    python -m benchmarks.alternatives.decoded_features --photos FOLDER --list LIST --model MODEL.tflite --out FOLDER

Writes `features.npz`: path, exact, scaled, encoded, the last three float32 (photos, 1280). In `encoded` the photo is
decoded exactly and encoded again with quality 95 and full chroma resolution: a loss that users of photos accept.
"""

from __future__ import annotations

import io
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.alternatives import interface
from verger_contract.preprocessing import Decoding
from verger_photo.decode import decode, rgb_image
from verger_photo.model import Featurizer

QUALITY = 95


def main() -> None:
    """Compute the features of the photos of the list."""
    arguments = interface.command_line(__doc__).parse_args()
    paths = interface.listed(arguments.list)
    one = partial(features, arguments.model.resolve().parent)
    with ProcessPoolExecutor(arguments.cores) as pool:
        found = np.stack([*pool.map(one, (Path(arguments.photos) / path for path in paths), chunksize=8)])
    arguments.out.mkdir(parents=True, exist_ok=True)
    np.savez(
        arguments.out / "features.npz", path=np.array(paths), exact=found[:, 0], scaled=found[:, 1], encoded=found[:, 2]
    )


def features(model: Path, photo: Path) -> NDArray[np.float32]:
    """Return the features of a photo, shape (3, 1280)."""
    content, featurizer = photo.read_bytes(), loaded(model)
    ways = (decode(content), decode(content, Decoding.SCALED), decode(encoded_again(content)))
    return np.stack([featurizer.features(pixels) for pixels in ways])


def encoded_again(content: bytes) -> bytes:
    """Return the photo as a JPEG of quality 95."""
    buffer = io.BytesIO()
    rgb_image(content).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue()


@cache
def loaded(model: Path) -> Featurizer:
    """Return the network of this process."""
    from verger_spark.features.model import load_model

    return Featurizer(load_model(model.as_uri()))


if __name__ == "__main__":
    main()
