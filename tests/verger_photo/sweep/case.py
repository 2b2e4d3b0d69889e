"""A generated file with the pixels that it shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 37, 29
"""Size of the pictures: no multiple of 8, of 16 or of a tile."""


@dataclass(frozen=True, eq=False)
class Case:
    """A file. `name` says how it is made."""

    name: str
    content: bytes
    shown: NDArray[np.uint8]
    """Upright RGB of shape (height, width, 3), known from the construction of the file."""
    tolerance: float = 1.0
    """Largest mean absolute difference of a right decoding. A lossy compression needs more than 1."""
    accepted: bool | None = None
    """Whether the file must be accepted or must be rejected. None: either is right, but never other pixels."""


def picture(width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """A smooth picture of shape (height, width, 3). Its channels, its halves and its corners differ."""
    y, x = np.mgrid[0:height, 0:width]
    red, green = x * 230 // (width - 1) + 10, y * 180 // (height - 1) + 60
    blue = 200 - (x * 2 + y * 3) * 150 // (2 * width + 3 * height)
    return np.stack([red, green, blue], axis=-1).astype(np.uint8)


def grey_of(shown: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A grey picture of shape (height, width): the red channel."""
    return shown[..., 0]


def as_rgb(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The three equal channels of a grey picture."""
    return np.repeat(grey[..., None], 3, axis=-1)


def on_white(shown: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture on a white background. `alpha` has shape (height, width)."""
    weight = alpha.astype(float)[..., None] / 255
    mixed: NDArray[np.float64] = np.rint(shown * weight + 255 * (1 - weight))
    return mixed.astype(np.uint8)


def alpha_of(shown: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An alpha channel with transparent, translucent and opaque pixels."""
    height, width = shown.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    ramp: NDArray[np.int64] = (x + 2 * y) * 255 // (width + 2 * height)
    return ramp.astype(np.uint8)


def scaled_up(samples: NDArray[np.uint8], bits: int) -> NDArray[np.uint64]:
    """Samples of 8 bits as samples of `bits` bits: 0 stays 0, and 255 becomes the maximum."""
    value: NDArray[np.uint64] = samples.astype(np.uint64)
    if bits <= 8:
        scaled: NDArray[np.uint64] = (value * (2**bits - 1) + 127) // 255
        return scaled
    result = np.zeros_like(value)
    for shift in range(bits - 8, -8, -8):
        result |= value << np.uint64(shift) if shift >= 0 else value >> np.uint64(-shift)
    return result


def shown_of(samples: NDArray[np.uint64], bits: int) -> NDArray[np.uint8]:
    """The samples of `bits` bits as 8 bits: the high byte, or scaled to 0..255."""
    high: NDArray[np.uint64] = samples >> np.uint64(bits - 8) if bits >= 8 else samples * 255 // (2**bits - 1)
    return high.astype(np.uint8)
