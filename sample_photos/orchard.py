"""Draw an orchard: a folder of sample photos of twelve fruits, the same photos every time.

    python -m sample_photos.orchard FOLDER [--photos N] [--seed N] [--invalid]

The photos are FOLDER/<label>/<label> <number>.jpg, JPEG files of 100 to 160 pixels.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sample_photos.fruits import FRUITS
from sample_photos.invalid_photos import draw_invalid_photos
from sample_photos.studio import draw_photo

SEED = 1857
QUALITIES = (78, 94)


@dataclass(frozen=True)
class Orchard:
    """A folder of drawn photos, and the number of photos of each label."""

    folder: Path
    labels: dict[str, int]

    @property
    def photos(self) -> int:
        """Number of photos of all labels."""
        return sum(self.labels.values())


def draw_orchard(folder: Path, photos: int = 600, seed: int = SEED) -> Orchard:
    """Draw fruit photos into <folder>/<label>/, evenly over twelve labels.

    Equal arguments give equal files.

    Raises
    ------
    ValueError
        When `photos` is less than 1.
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
    """Run the command line; see the docstring of the module."""
    parser = argparse.ArgumentParser(
        prog="python -m sample_photos.orchard", description="Draw sample photos of twelve fruits."
    )
    parser.add_argument("folder", type=Path, help="folder of the photos")
    parser.add_argument("--photos", type=int, default=600, help="number of photos (default: 600)")
    parser.add_argument("--seed", type=int, default=SEED, help=f"seed of the random generator (default: {SEED})")
    parser.add_argument(
        "--invalid", action="store_true", help="also draw invalid photos (sample_photos/invalid_photos.py)"
    )
    given = parser.parse_args()
    orchard = draw_orchard(given.folder, given.photos, given.seed)
    if given.invalid:
        draw_invalid_photos(given.folder)
    print(f"{orchard.folder}: {orchard.photos} photos of {len(orchard.labels)} fruits")


if __name__ == "__main__":
    main()
