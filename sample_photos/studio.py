"""Draw one photo: a fruit with its shadow in front of a background."""

from __future__ import annotations

import numpy as np
from PIL import Image

from sample_photos.canvas import Canvas, mixed
from sample_photos.fruits import FRUITS

SIDES = (100, 160)


def draw_photo(label: str, rng: np.random.Generator, sides: tuple[int, int] = SIDES) -> Image.Image:
    """Draw one photo of one of the FRUITS, as a square RGB image with a side from `sides[0]` to `sides[1]` pixels."""
    canvas = Canvas(int(rng.integers(*sides, endpoint=True)), rng)
    _background(canvas, rng)
    dx, dy = rng.uniform(-0.08, 0.08, 2)
    scale = rng.uniform(0.66, 0.84)
    ground = canvas.frame(scale, 0.0, dx + 0.08, dy)
    canvas.shade(0.38 * np.exp(-((ground.x / 0.85) ** 2 + ((ground.y - 0.88) / 0.22) ** 2)))
    FRUITS[label](canvas, canvas.frame(scale, rng.normal(0, 0.35), dx, dy), rng)
    return canvas.image()


def _background(canvas: Canvas, rng: np.random.Generator) -> None:
    frame = canvas.frame(1.0, rng.uniform(-0.2, 0.2))
    kind = rng.random()
    if kind < 0.65:  # paper
        tint = rng.uniform(-8, 8, 3)
        colour = mixed(tuple(246 + tint), tuple(222 + tint), 0.4 + 0.35 * frame.y + 0.05 * canvas.noise(4))
    elif kind < 0.85:  # blurred leaves
        colour = mixed((52, 92, 44), (140, 176, 96), 0.45 + 0.3 * canvas.noise(6) + 0.15 * canvas.noise(13))
    else:  # a wooden table
        grain = np.sin(frame.y * 40 + 2.5 * canvas.noise(5)) * 0.2 + 0.15 * canvas.noise(3)
        colour = mixed((150, 108, 70), (206, 170, 124), 0.5 + grain)
        colour = mixed(colour, (96, 66, 42), np.exp(-(((frame.y % 0.6) / 0.02) ** 2)))
    canvas.flat(frame, np.full_like(frame.x, -1), colour)
