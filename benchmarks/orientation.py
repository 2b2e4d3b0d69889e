"""How far the features move when the orientation of a photo is ignored, as Keras' `load_img` does.

    python -m benchmarks.orientation          (in the dev environment, plugins/ on PYTHONPATH; `make bench-orientation`)

Compares the features of photos with those of the same photos lying on their side. Prints one line.
"""

from __future__ import annotations

import zipfile

import numpy as np

from benchmarks.harness.places import PHOTOS, STATE
from verger_photo.decode import decode
from verger_photo.model import Featurizer, Model

NUMBER = 200


def main() -> None:
    """Print the mean cosine between the features of upright and of turned photos, and between different labels."""
    folder = STATE / "artifacts/current/model"
    featurizer = Featurizer(Model.of(str(folder), lambda name: (folder / name).read_bytes()))
    with zipfile.ZipFile(PHOTOS) as archive:
        names = [name for name in archive.namelist() if name.lower().endswith(".jpg")]
        pixels = [decode(archive.read(name)) for name in names[:: len(names) // NUMBER][:NUMBER]]
    upright = _unit([featurizer.features(photo) for photo in pixels])
    turned = _unit([featurizer.features(np.ascontiguousarray(np.rot90(photo))) for photo in pixels])
    cosine, between = (upright * turned).sum(axis=1), upright @ np.roll(upright, NUMBER // 2, axis=0).T
    print(
        f"{NUMBER} photos: cosine between the upright and the turned photo {cosine.mean():.2f} on average, "
        f"{np.quantile(cosine, 0.05):.2f} for the worst 5 %; between different photos {between.mean():.2f}"
    )


def _unit(
    features: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    stacked = np.stack(features)
    unit: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = stacked / np.linalg.norm(stacked, axis=1, keepdims=True)
    return unit


if __name__ == "__main__":
    main()
