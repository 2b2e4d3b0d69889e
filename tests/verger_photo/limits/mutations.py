"""Damages files by a seed: bits, lengths, sizes, cuts and splices."""

from __future__ import annotations

import numpy as np

EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 20_000, 60_000, 100_000)
HEADER_BYTES = 200
"""Mutations prefer this part of a file, which holds sizes and lengths."""


def mutated(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Return a damaged copy of a file: one to four mutations, each of a random kind.

    Parameters
    ----------
    content, other : bytes
        The file, and another one from which a part is taken.
    rng : numpy.random.Generator
    """
    damaged = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        MUTATIONS[rng.integers(len(MUTATIONS))](damaged, other, rng)
    return bytes(damaged)


def _place(damaged: bytearray, rng: np.random.Generator) -> int:
    end = len(damaged) if rng.random() < 0.5 else min(len(damaged), HEADER_BYTES)
    return int(rng.integers(0, max(end, 1)))


def _flip_bits(damaged: bytearray, _: bytes, rng: np.random.Generator) -> None:
    for _bit in range(rng.integers(1, 12)):
        if damaged:
            damaged[_place(damaged, rng)] ^= 1 << int(rng.integers(8))


def _set_number(damaged: bytearray, _: bytes, rng: np.random.Generator) -> None:
    """Set a field of 1, 2 or 4 bytes, in either byte order, to an extreme value."""
    width, order = int(rng.choice((1, 2, 4))), "big" if rng.random() < 0.5 else "little"
    value = EXTREMES[rng.integers(len(EXTREMES))] % 256**width
    start = _place(damaged, rng)
    damaged[start : start + width] = value.to_bytes(width, "big" if order == "big" else "little")


def _truncate(damaged: bytearray, _: bytes, rng: np.random.Generator) -> None:
    del damaged[_place(damaged, rng) + 1 :]


def _remove(damaged: bytearray, _: bytes, rng: np.random.Generator) -> None:
    start = _place(damaged, rng)
    del damaged[start : start + int(rng.integers(1, 64))]


def _repeat(damaged: bytearray, _: bytes, rng: np.random.Generator) -> None:
    start = _place(damaged, rng)
    part = damaged[start : start + int(rng.integers(1, 512))]
    damaged[start:start] = part * int(rng.integers(1, 40))


def _splice(damaged: bytearray, other: bytes, rng: np.random.Generator) -> None:
    start, source = _place(damaged, rng), int(rng.integers(0, len(other)))
    damaged[start : start + int(rng.integers(0, 64))] = other[source : source + int(rng.integers(1, 512))]


MUTATIONS = (_flip_bits, _set_number, _set_number, _truncate, _remove, _repeat, _splice)
