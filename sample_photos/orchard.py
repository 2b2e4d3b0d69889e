"""A small orchard for the demo: photos of twelve fruits, drawn by code, the same ones every time.

    python -m sample_photos.orchard FOLDER [--photos N] [--seed N] [--broken]

Photos lie in FOLDER/<label>/<label> <number>.jpg, JPEGs of 100 to 160 pixels.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sample_photos.fruits import FRUITS
from sample_photos.invalid_photos import draw_broken
from sample_photos.studio import draw_photo

__all__ = ["SEED", "Orchard", "draw_broken", "draw_orchard"]

SEED = 1857
QUALITIES = (78, 94)


@dataclass(frozen=True)
class Orchard:
    """What was drawn: the folder, and how many photos of each label."""

    folder: Path
    labels: dict[str, int]

    @property
    def photos(self) -> int:
        """Photos of all labels together."""
        return sum(self.labels.values())


def draw_orchard(folder: Path, photos: int = 600, seed: int = SEED) -> Orchard:
    """Draw `photos` fruit photos, evenly over twelve labels, into <folder>/<label>/. Equal arguments, equal files.

    :raises ValueError: when `photos` is less than 1.
    """
    if photos < 1:
        raise ValueError(f"photos: expected at least 1, found {photos}")
    labels: dict[str, int] = {}
    for position, label in enumerate(FRUITS):
        count = len(range(position, photos, len(FRUITS)))
        for number in range(count):
            path = folder / label / f"{label} {number + 1:03d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            rng = np.random.default_rng([seed, position, number])
            draw_photo(label, rng).save(path, quality=int(rng.integers(*QUALITIES)))
        if count:
            labels[label] = count
    return Orchard(folder, labels)


def main() -> None:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m sample_photos.orchard", description="Draw a small orchard.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=600)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--broken", action="store_true", help="also the files of demo/misfits.py")
    given = parser.parse_args()
    orchard = draw_orchard(given.folder, given.photos, given.seed)
    if given.broken:
        draw_broken(given.folder)
    print(f"{orchard.folder}: {orchard.photos} photos of {len(orchard.labels)} fruits")


if __name__ == "__main__":
    main()
