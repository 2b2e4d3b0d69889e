"""Twelve fruits. A function draws each of them on a canvas, with random differences from one drawing to the next."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sample_photos.canvas import Array, Canvas, Colour, Frame, disc, joined, mixed, oval, stroke

Draw = Callable[[Canvas, Frame, np.random.Generator], None]
BROWN: Colour = (96, 66, 38)
LEAF: Colour = (70, 128, 48)


def _apple(canvas: Canvas, frame: Frame, rng: np.random.Generator, skin: Array) -> None:
    angle = frame.angle
    dent = 0.16 * np.exp(-((angle / 0.38) ** 2)) + 0.05 * np.exp(-(((np.pi - np.abs(angle)) / 0.4) ** 2))
    shape = (np.hypot(frame.x / 1.04, frame.y / 0.97) - 0.95 + dent) * 0.95
    canvas.solid(frame, shape, skin, depth=0.95, gloss=0.45)
    pit = np.exp(-((frame.x / 0.26) ** 2 + ((frame.y + 0.66) / 0.13) ** 2))
    canvas.shade(0.55 * pit * (shape < 0))
    lean = rng.uniform(-0.3, 0.3)
    canvas.solid(frame, stroke(frame, (0, -0.66), (0, -0.9), (lean, -1.12), 0.045), BROWN, depth=0.05, gloss=0.1)
    if rng.random() < 0.35:
        _leaf(canvas, frame, lean / 2 + 0.3, -0.98, rng.uniform(-0.5, 0.3))


def _leaf(canvas: Canvas, frame: Frame, x: float, y: float, angle: float) -> None:
    length = 0.34
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    along = (frame.x - x) * cos + (frame.y - y) * sin
    across = (frame.y - y) * cos - (frame.x - x) * sin
    shape = np.abs(across) - 0.42 * length * (1 - (along / length) ** 2)
    canvas.solid(frame, np.maximum(shape, np.abs(along) - length), LEAF, depth=0.2, gloss=0.15)


def apple_red(canvas: Canvas, frame: Frame, rng: np.random.Generator) -> None:
    """Draw a red apple with yellow streaks from stem to calyx."""
    streaks = np.sin(frame.angle * 23 + 3 * canvas.noise(6)) * 0.5 + canvas.noise(9) * 0.4
    blush = 0.22 * streaks + 0.35 * np.exp(-((frame.y + 0.75) ** 2) / 0.08) + rng.uniform(0, 0.15)
    _apple(canvas, frame, rng, mixed((178, 22, 34), (226, 170, 70), blush))


def apple_green(canvas: Canvas, frame: Frame, rng: np.random.Generator) -> None:
    """Draw a green apple with pale dots."""
    dots = (canvas.noise(40) > 2.1).astype(np.float32) * 0.6
    _apple(
        canvas, frame, rng, mixed((128, 178, 46), (206, 222, 120), dots + 0.2 * canvas.noise(4) + rng.uniform(0, 0.3))
    )


def orange(canvas: Canvas, frame: Frame, rng: np.random.Generator) -> None:
    """Draw a ball with pores, and a green star in place of the stem."""
    pores = canvas.noise(canvas.side // 3)
    skin = mixed((240, 130, 16), (250, 164, 40), 0.4 + 0.25 * canvas.noise(5) + 0.12 * pores)
    canvas.solid(frame, oval(frame, 0.95, 0.91), skin, depth=0.93, gloss=0.3, rough=0.004 * pores)
    x, y = rng.uniform(-0.35, 0.35, 2)
    canvas.shade(0.35 * np.exp(-((frame.x - x) ** 2 + (frame.y - y) ** 2) / 0.02))
    star = np.hypot(frame.x - x, frame.y - y) - 0.06 - 0.02 * np.cos(5 * np.arctan2(frame.y - y, frame.x - x))
    canvas.flat(frame, star, (120, 130, 50))


def lemon(canvas: Canvas, frame: Frame, rng: np.random.Generator) -> None:
    """Draw an ellipsoid with a tip at each end."""
    sideways = np.arctan2(frame.y, np.abs(frame.x))
    tip = np.where(frame.x > 0, 0.17, 0.09) * np.exp(-((sideways / 0.20) ** 2))
    shape = (np.hypot(frame.x / 0.93, frame.y / 0.68) - 1 - tip) * 0.68
    pores = canvas.noise(canvas.side // 3)
    skin = mixed((238, 200, 28), (196, 196, 50), 0.12 + 0.15 * canvas.noise(5) + 0.5 * (np.abs(frame.x) - 0.75))
    canvas.solid(frame, shape, skin, depth=0.66, gloss=0.35, rough=0.003 * pores)


def banana(canvas: Canvas, frame: Frame, rng: np.random.Generator) -> None:
    """Draw an arc with brown ends, the edges of its skin, and brown spots."""
    curve = rng.uniform(1.05, 1.3)
    y = frame.y + curve * 0.78
    radius, angle = np.hypot(frame.x, y), np.arctan2(frame.x, y)
    half = 0.98 / curve
    t = angle / half
    width = 0.29 * (1 - 0.55 * np.minimum(np.abs(t), 1.1) ** 4)
    beyond = (np.abs(angle) - half).clip(0) * curve
    offset = radius - curve
    shape = np.hypot(offset, beyond) - width
    spots = (canvas.noise(22) > 1.9).astype(np.float32) * rng.uniform(0.1, 0.7)
    skin = mixed((242, 206, 48), (150, 160, 60), 2.2 * (np.abs(t) - 0.72))
    skin = mixed(skin, (84, 60, 30), spots + 7 * (np.abs(t) - 0.97))
    for edge in (-0.35, 0.4):
        skin = mixed(skin, (176, 136, 26), 0.5 * np.exp(-(((offset / width - edge) / 0.10) ** 2)))
    canvas.solid(frame, shape, skin, depth=0.28, gloss=0.15)


def pear(canvas: Canvas, frame: Frame, rng: np.random.Generator) -> None:
    """Draw a large ball joined to a small one, with specks and a red side."""
    shape = joined(disc(frame, 0, 0.32, 0.63), disc(frame, rng.uniform(-0.06, 0.06), -0.5, 0.31), 0.62)
    specks = (canvas.noise(48) > 1.7).astype(np.float32) * 0.35
    skin = mixed((192, 186, 66), (134, 140, 44), specks + 0.2 * canvas.noise(5) + rng.uniform(0, 0.25))
    skin = mixed(skin, (196, 96, 50), 0.55 * (frame.x * rng.choice([-1.0, 1.0]) - 0.1))
    canvas.solid(frame, shape, skin, depth=0.6, gloss=0.25)
    canvas.shade(0.4 * np.exp(-((frame.x / 0.1) ** 2 + ((frame.y + 0.78) / 0.05) ** 2)))
    canvas.solid(
        frame, stroke(frame, (0, -0.78), (0.02, -0.95), (rng.uniform(-0.2, 0.2), -1.12), 0.04), BROWN, depth=0.05
    )


def plum(canvas: Canvas, frame: Frame, rng: np.random.Generator) -> None:
    """Draw a dark violet oval with a seam and a pale bloom."""
    bloom = 0.35 * canvas.noise(5) + 0.12 * canvas.noise(24) + rng.uniform(0.1, 0.35)
    skin = mixed((72, 24, 74), (122, 104, 158), bloom)
    skin = mixed(skin, (128, 28, 60), 0.5 * (frame.y + rng.uniform(-0.6, 0.2)))
    seam = np.exp(-(((frame.x - 0.30 * np.cos(frame.y * 1.35)) / 0.035) ** 2))
    shape = oval(frame, 0.80, 0.95) + 0.05 * np.exp(-((frame.angle / 0.3) ** 2))
    canvas.solid(frame, shape, skin, depth=0.8, gloss=0.25, rough=-0.035 * seam)
    canvas.solid(frame, stroke(frame, (0.1, -0.86), (0.1, -1), (0.16, -1.06), 0.035), BROWN, depth=0.05, gloss=0.1)


def cherry(canvas: Canvas, frame: Frame, rng: np.random.Generator) -> None:
    """Draw two cherries whose stems meet."""
    top = (float(rng.uniform(-0.15, 0.25)), -0.98)
    for x, y in ((-0.45, 0.38 + rng.uniform(-0.1, 0.1)), (0.42, 0.5 + rng.uniform(-0.1, 0.1))):
        stem = stroke(frame, (x, y - 0.32), (x * 0.8, -0.4), top, 0.032)
        canvas.solid(frame, stem, (104, 122, 44), depth=0.04, gloss=0.1)
        shape = disc(frame, x, y, 0.44) + 0.07 * np.exp(-(((frame.x - x) / 0.14) ** 2)) * (frame.y < y)
        skin = mixed((132, 8, 28), (196, 30, 40), 0.4 + 0.4 * canvas.noise(4))
        canvas.solid(frame, shape, skin, depth=0.43, gloss=0.75)
        canvas.solid(
            frame, stroke(frame, (x, y - 0.34), (x, y - 0.4), (x * 0.97, y - 0.5), 0.03), (104, 122, 44), depth=0.04
        )
    if rng.random() < 0.4:
        _leaf(canvas, frame, top[0] + 0.3, top[1] + 0.08, 0.3)


def grape(canvas: Canvas, frame: Frame, rng: np.random.Generator) -> None:
    """Draw a bunch: rows of berries, fewer towards the tip, in random order."""
    canvas.solid(
        frame, stroke(frame, (0, -0.7), (0, -0.9), (rng.uniform(-0.2, 0.2), -1.1), 0.04), (116, 100, 50), depth=0.05
    )
    berries = [
        ((column - (count - 1) / 2) * 0.38 + rng.uniform(-0.06, 0.06), -0.62 + 0.29 * row + rng.uniform(-0.04, 0.04))
        for row, count in enumerate((4, 5, 4, 3, 2, 1))
        for column in range(count)
    ]
    for index in rng.permutation(len(berries)):
        x, y = berries[index]
        skin = mixed((74, 26, 88), (118, 70, 130), np.float32(rng.uniform(0, 1)) + 0.3 * (frame.y - y))
        canvas.solid(frame, disc(frame, x, y, 0.225), skin, depth=0.23, gloss=0.5)


def strawberry(canvas: Canvas, frame: Frame, rng: np.random.Generator) -> None:
    """Draw a rounded cone with seeds in a lattice and a green cap."""
    shape = joined(disc(frame, 0, -0.22, 0.66), disc(frame, 0, 0.66, 0.2), 0.75)
    row = np.round(frame.y / 0.2)
    column = frame.x / (0.22 - 0.03 * frame.y) + 0.5 * (row % 2)
    seed = np.exp(-(((column - np.round(column)) / 0.17) ** 2 + ((frame.y / 0.2 - row) / 0.26) ** 2))
    skin = mixed((206, 22, 38), (232, 84, 60), 0.2 + 0.25 * canvas.noise(5) - 0.5 * (frame.y + 0.3))
    canvas.solid(frame, shape, mixed(skin, (240, 208, 110), seed), depth=0.6, gloss=0.4, rough=-0.02 * seed)
    spread = np.arctan2(frame.y + 0.74, frame.x)
    cap = (
        np.hypot(frame.x, (frame.y + 0.74) * 1.7)
        - 0.24
        - 0.30 * np.abs(np.cos(3.5 * spread + rng.uniform(0, 3))) ** 1.5
    )
    canvas.solid(frame, cap, LEAF, depth=0.3, gloss=0.15)
    canvas.solid(frame, stroke(frame, (0, -0.78), (0, -0.95), (0.1, -1.08), 0.04), LEAF, depth=0.05)


def kiwi(canvas: Canvas, frame: Frame, rng: np.random.Generator) -> None:
    """Draw a slice: skin, flesh with rays, seeds around a pale core."""
    radius = np.hypot(frame.x / 0.96, frame.y / 0.9) * (1 + 0.01 * canvas.noise(8))
    angle = frame.angle
    rays = np.sin(angle * 34 + 2 * canvas.noise(10)) * (radius > 0.26)
    flesh = mixed((112, 168, 40), (164, 204, 84), 0.45 + 0.3 * rays + 0.15 * canvas.noise(12) - 0.4 * (radius - 0.4))
    flesh = mixed(flesh, (228, 232, 178), (0.30 + 0.03 * np.sin(angle * 9) - radius) * 14)
    canvas.solid(frame, (radius - 1) * 0.93, (118, 88, 50), depth=0.08, gloss=0.1)
    canvas.flat(frame, (radius - 0.93) * 0.93, flesh)
    turn = rng.uniform(0, 1)
    for ring, (middle, count) in enumerate(((0.42, 19), (0.54, 23))):
        spoke = (angle / (2 * np.pi) + turn) * count + ring / 2
        index = np.round(spoke)
        wobble = 0.05 * np.sin(index * 12.9898 + turn * 40)
        across = (spoke - index) / count * 2 * np.pi * radius
        canvas.flat(frame, (np.hypot(across / 0.026, (radius - middle - wobble) / 0.055) - 1) * 0.03, (34, 26, 22))


def watermelon(canvas: Canvas, frame: Frame, rng: np.random.Generator) -> None:
    """Draw a slice: half a disc of red flesh with a pale rim and a striped rind."""
    y = frame.y + 0.48
    radius, angle = np.hypot(frame.x, y), np.arctan2(frame.x, y)
    rind = mixed((26, 84, 40), (86, 150, 70), 0.5 + 0.6 * np.sin(angle * 16 + canvas.noise(6)))
    flesh = mixed((222, 50, 62), (240, 110, 100), 0.3 + 0.25 * canvas.noise(14) + 2.5 * (radius - 0.72))
    colour = mixed(flesh, (224, 232, 186), (radius - 0.83) * 30)
    colour = mixed(colour, rind, (radius - 0.915) * 40)
    canvas.solid(frame, np.maximum(radius - 1, -y), colour, depth=0.06, gloss=0.1)
    turn = rng.uniform(0, 1)
    for middle, count in ((0.36, 5), (0.62, 8)):
        spoke = (angle / np.pi + 0.5) * count + turn
        index = np.round(spoke)
        across = (spoke - index) / count * np.pi * radius
        seed = (np.hypot(across / 0.035, (radius - middle - 0.07 * np.sin(index * 78.233)) / 0.065) - 1) * 0.035
        canvas.flat(frame, np.maximum(seed, 0.06 - y), (36, 22, 20))


FRUITS: dict[str, Draw] = {
    "Apple Green": apple_green, "Apple Red": apple_red, "Banana": banana, "Cherry": cherry, "Grape": grape,
    "Kiwi": kiwi, "Lemon": lemon, "Orange": orange, "Pear": pear, "Plum": plum, "Strawberry": strawberry,
    "Watermelon": watermelon,
}  # fmt: skip
