"""The canary: a fixed image whose features are known. It detects wrong weights, a wrong resize and a wrong scaling."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from verger_contract.errors import VergerError

WIDTH, HEIGHT = 190, 140


def draw() -> bytes:
    """Draw the canary: a PNG of 190x140 pixels. Integer arithmetic gives the same pixels on every machine.

    The stripes are finer than the resize can keep, so another interpolation filter gives other features. The three
    channels have different gradients, so BGR gives other features than RGB. Neither side is 224, so a missing resize
    gives another shape.
    """
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    fruit = (x - 95) ** 2 + (y - 70) ** 2 < 52**2
    red = np.where(fruit, 230 - (x + y) // 4, 40 + (x * 3 + y * 5) % 64)
    green = np.where(fruit, 40 + (x * y) % 97, 120 + y // 2)
    blue = np.where((x // 3 + y // 2) % 2 == 0, 30, 90 + x // 3)
    image = np.stack([red, green, blue], axis=-1).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return buffer.getvalue()


def check(computed: NDArray[np.float32], expected: NDArray[np.float32], tolerance: float) -> None:
    """Compare the features of the canary with the expected ones.

    Parameters
    ----------
    computed, expected : ndarray of shape (1280,), float32
    tolerance : float
        Maximum absolute difference of a feature.

    Raises
    ------
    VergerError
        A feature differs by more than the tolerance, or is NaN.
    """
    if computed.shape != expected.shape:
        raise VergerError(
            f"canary: expected {expected.shape[0]} features, the model gives {computed.shape[0]}; "
            "canary.json was computed with another model file: build the artifact set again"
        )
    difference = float(np.max(np.abs(computed - expected)))
    if not difference <= tolerance:
        raise VergerError(
            f"canary: the features of the fixed image differ from the expected ones by up to {difference:.3g} "
            f"(at most {tolerance:g} expected): wrong weights, resize or scaling; nothing was featurized. "
            "Build the artifact set again and compare requirements/node.txt with what the nodes run"
        )
