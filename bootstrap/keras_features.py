"""Computes features with Keras: the reference for the canary and the tests.

    python -m bootstrap.keras_features OUT.npy PHOTO... [--weights imagenet|random] [--pip-python PYTHON]

This module runs in the export environment and writes float32 (photos, 1280). It shares no code with spark_jobs/, so
that it cannot contain the same mistake.
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
    """Return the input of the network: RGB, bicubic resize, preprocessing by Keras.

    Returns
    -------
    ndarray of shape (224, 224, 3), float32
        Values in [-1, 1].
    """
    with Image.open(photo) as image:
        resized = image.convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
    pixels = np.asarray(resized, dtype=np.float32)
    return np.asarray(keras.applications.mobilenet_v2.preprocess_input(pixels), dtype=np.float32)


def keras_features(model: Any, photos: Sequence[Path | IO[bytes]]) -> Array:
    """Return the features of each photo, by one `predict` for each.

    Returns
    -------
    ndarray of shape (photos, 1280), float32
    """
    return np.concatenate([model.predict(decode(photo)[np.newaxis], verbose=0) for photo in photos])


def main() -> int:
    """Run the command line and return the exit code. See the docstring of the module."""
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
