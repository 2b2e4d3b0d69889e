"""A fixed image whose vector is known: wrong weights, a wrong resize or a wrong scaling cannot pass it."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from verger_spark.errors import VergerError

WIDTH, HEIGHT = 190, 140


def draw() -> bytes:
    """Draw the canary: a PNG of 190x140 pixels, the same pixels everywhere (integer arithmetic only).

    Stripes finer than the resize can keep tell one interpolation filter from another; the differing
    gradients of the three channels tell RGB from BGR; neither side is 224, so that no resize is no match.
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
    """Compare the canary's features, both of shape (1280,).

    Raises
    ------
    VergerError
        Some feature differs by more than ``tolerance`` (absolute), or is not a number.
    """
    if computed.shape != expected.shape:
        raise VergerError(
            f"canary: expected {expected.shape[0]} features, the model gives {computed.shape[0]}; "
            "the model file is not the one that the canary was made with: build the artifact set again"
        )
    difference = float(np.max(np.abs(computed - expected)))
    if not difference <= tolerance:
        raise VergerError(
            f"canary: the features of the fixed image differ from the expected ones by up to {difference:.3g} "
            f"(at most {tolerance:g} expected): wrong weights, resize or scaling; nothing was featurized. "
            "Build the artifact set again and compare requirements/node.txt with what the nodes run"
        )
