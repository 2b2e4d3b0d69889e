"""Features computed by Keras itself: the reference that the canary and the tests compare with.

    python -m bootstrap.keras_features OUT.npy PHOTO... [--weights imagenet|random] [--pip-python PYTHON]

Runs in the export environment and writes float32 (photos, 1280). It shares no code with spark_jobs/, so that it
cannot share a mistake with it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from bootstrap.quiet_tensorflow import keras
from bootstrap.weights import WeightsError, imagenet_model, random_model

Array = np.ndarray[Any, np.dtype[np.float32]]


def decode(photo: Path | IO[bytes]) -> Array:
    """The network's input, float32 (224, 224, 3) in [-1, 1]: RGB, bicubic, Keras's own preprocessing."""
    with Image.open(photo) as image:
        resized = image.convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
    pixels = np.asarray(resized, dtype=np.float32)
    return np.asarray(keras.applications.mobilenet_v2.preprocess_input(pixels), dtype=np.float32)


def keras_features(model: Any, photos: Sequence[Path | IO[bytes]]) -> Array:
    """Features of each photo, float32 (photos, 1280), one `predict` each."""
    return np.concatenate([model.predict(decode(photo)[np.newaxis], verbose=0) for photo in photos])


def main() -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m bootstrap.keras_features", description="Compute the features of photos with Keras."
    )
    parser.add_argument("out", type=Path, help=".npy file to write")
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--weights", choices=["imagenet", "random"], default="imagenet")
    parser.add_argument("--pip-python", type=Path, default=Path(sys.executable), help="a Python that has pip")
    arguments = parser.parse_args()
    try:
        weighted = random_model() if arguments.weights == "random" else imagenet_model(arguments.pip_python)
    except WeightsError as error:
        print(f"keras_features: error: {error}", file=sys.stderr)
        return 1
    np.save(arguments.out, keras_features(weighted.model, arguments.photos))
    return 0


if __name__ == "__main__":
    sys.exit(main())
