"""A small image with solid shapes on it, lit from one side.

A shape is an array of signed distances, one for each pixel: negative inside, positive outside, in units of the frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

Array = np.ndarray[Any, np.dtype[np.floating[Any]]]
Colour = tuple[int, int, int]
Box = tuple[slice, slice]
#: Share of ambient light.
AMBIENT = 0.42


@dataclass(frozen=True)
class Frame:
    """Coordinates of each pixel, and the width of a pixel. The origin is the middle of a drawing, y points down."""

    x: Array
    y: Array
    pixel: float

    @property
    def radius(self) -> Array:
        """Distance of each pixel from the origin."""
        return np.hypot(self.x, self.y)

    @property
    def angle(self) -> Array:
        """Angle of each pixel from the upward axis: 0 at the top, ±π at the bottom, positive to the right."""
        return np.arctan2(self.x, -self.y)


class Canvas:
    """A square image of `side` pixels, float32 from 0 to 255, and the light on the shapes."""

    def __init__(self, side: int, rng: np.random.Generator) -> None:
        self.side = side
        self.pixels: Array = np.zeros((side, side, 3), dtype=np.float32)
        bearing, height = rng.uniform(-0.9, 0.3), rng.uniform(0.55, 0.8)
        across = np.sqrt(1 - height**2)
        self._light = np.array([across * np.sin(bearing), -across * np.cos(bearing), height], dtype=np.float32)
        self._brightness = float(rng.uniform(0.86, 1.1))
        self._rng = rng

    def frame(self, scale: float, angle: float = 0.0, dx: float = 0.0, dy: float = 0.0) -> Frame:
        """Return a frame with a unit of `scale` half sides, rotated by `angle` radians, with its origin at dx, dy."""
        axis = (np.arange(self.side, dtype=np.float32) + 0.5) / self.side * 2 - 1
        x, y = np.meshgrid((axis - dx) / scale, (axis - dy) / scale)
        cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        return Frame(x * cos + y * sin, y * cos - x * sin, 2 / self.side / scale)

    def noise(self, cells: int) -> Array:
        """Return smooth noise of mean 0 and standard deviation 1, with `cells` grains across the image."""
        grains = self._rng.standard_normal((cells, cells)).astype(np.float32)
        image = Image.fromarray(grains).resize((self.side, self.side), Image.Resampling.BICUBIC)
        return np.asarray(image)

    def flat(self, frame: Frame, shape: Array, colour: Colour | Array) -> None:
        """Draw a shape without relief."""
        self._cover(np.s_[:, :], frame, shape, colour)

    def solid(
        self,
        frame: Frame,
        shape: Array,
        colour: Colour | Array,
        *,
        depth: float,
        gloss: float = 0.4,
        rough: Array | None = None,
    ) -> None:
        """Draw a shape as a body that is rounded over `depth` from its edge, with a highlight of strength `gloss`.

        `rough` is added to its relief, in units of the frame.
        """
        box = _box(shape < frame.pixel)
        shape = shape[box]
        towards_edge = (1 + shape / depth).clip(0, 1)
        relief: Array = np.sqrt(1 - towards_edge**2 + np.float32(1e-4)) * np.float32(depth)
        if rough is not None:
            relief = relief + rough[box]
        down, across = np.gradient(relief, frame.pixel)
        length = np.sqrt(1 + down**2 + across**2)
        x, y, z = self._light
        diffuse = ((z - across * x - down * y) / length).clip(0, 1)
        half = np.array([x, y, z + 1]) / np.sqrt(x**2 + y**2 + (z + 1) ** 2)
        mirrored = ((half[2] - across * half[0] - down * half[1]) / length).clip(0, 1)
        lit = (AMBIENT + (1.15 - AMBIENT) * diffuse)[..., np.newaxis]
        highlight = (255 * gloss * mirrored**32)[..., np.newaxis]
        body = np.asarray(colour, dtype=np.float32)
        self._cover(box, frame, shape, (body[box] if body.ndim == 3 else body) * lit + highlight)

    def _cover(self, box: Box, frame: Frame, shape: Array, colour: Colour | Array) -> None:
        cover = (0.5 - shape / frame.pixel).clip(0, 1)[..., np.newaxis]
        below = self.pixels[box]
        below += (np.asarray(colour, dtype=np.float32) * np.float32(self._brightness) - below) * cover

    def shade(self, strength: Array) -> None:
        """Darken each pixel by a share from 0 to 1."""
        self.pixels *= 1 - strength[..., np.newaxis]

    def image(self) -> Image.Image:
        """Return an RGB image with the grain of a small camera."""
        grain = self._rng.normal(0, 2.0, (self.side, self.side, 1)).astype(np.float32)
        return Image.fromarray((self.pixels + grain).clip(0, 255).astype(np.uint8))


def _box(inside: np.ndarray[Any, np.dtype[np.bool_]]) -> Box:
    """Return the smallest rectangle around a shape, with a margin for gradients."""
    sides = []
    for axis in (1, 0):
        found = np.flatnonzero(inside.any(axis=axis))
        sides.append(slice(max(found[0] - 2, 0), found[-1] + 3) if found.size else slice(0, 3))
    return sides[0], sides[1]


def disc(frame: Frame, x: float, y: float, radius: float) -> Array:
    """Return a circle."""
    shape: Array = np.hypot(frame.x - np.float32(x), frame.y - np.float32(y)) - np.float32(radius)
    return shape


def oval(frame: Frame, width: float, height: float) -> Array:
    """Return an ellipse around the origin with the half axes `width` and `height`."""
    stretched: Array = np.hypot(frame.x / np.float32(width), frame.y / np.float32(height))
    return (stretched - 1) * np.float32(min(width, height))


def joined(one: Array, other: Array, softness: float) -> Array:
    """Return the union of two shapes; the corner between them is filled over `softness`."""
    near = (softness - np.abs(one - other)).clip(0) / softness
    return np.minimum(one, other) - near**2 * np.float32(softness / 4)


def stroke(
    frame: Frame, start: tuple[float, float], bend: tuple[float, float], end: tuple[float, float], width: float
) -> Array:
    """Return a curved line of half width `width` from start to end; `bend` is its control point."""
    t = np.linspace(0, 1, 9)[:, np.newaxis]
    points = (1 - t) ** 2 * np.array(start) + 2 * t * (1 - t) * np.array(bend) + t**2 * np.array(end)
    nearest: Array = np.full_like(frame.x, np.inf)
    for (ax, ay), (bx, by) in zip(points[:-1].tolist(), points[1:].tolist(), strict=True):
        px, py, dx, dy = frame.x - np.float32(ax), frame.y - np.float32(ay), bx - ax, by - ay
        along = ((px * dx + py * dy) / (dx * dx + dy * dy)).clip(0, 1)
        nearest = np.minimum(nearest, np.hypot(px - along * dx, py - along * dy))
    return nearest - np.float32(width)


def mixed(one: Colour | Array, other: Colour | Array, share: Array) -> Array:
    """Mix two colours for each pixel. A share of 0 gives the first colour, 1 the second."""
    weight = share.clip(0, 1)[..., np.newaxis]
    first, second = np.asarray(one, dtype=np.float32), np.asarray(other, dtype=np.float32)
    colours: Array = first + (second - first) * weight
    return colours
