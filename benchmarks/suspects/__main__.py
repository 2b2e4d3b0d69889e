"""Precision and recall of the suspects among photographs whose labels were exchanged at random.

    python -m benchmarks.suspects [--images <folder or zip>]      (in the dev environment; `make bench-suspects`)

Computes the features of all photos once (some minutes), and stores them. Then it exchanges the labels of 100 photos,
searches for suspects with the thresholds of the pipeline, and writes the tables `suspects` and `suspects_copies` of
benchmarks/README.md. An exchanged photo lies in the folder of another label.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.harness import tables
from benchmarks.harness.places import PHOTOS, README
from benchmarks.suspects import photo_features
from sample_photos.albums import Album
from verger_contract.schemas import SuspectKind
from verger_photo.decode import decode
from verger_verify.suspects.found import Suspects
from verger_verify.suspects.judge import Judge, Photos
from verger_verify.suspects.reference import Reference, leading

EXCHANGED = 100
SEEDS = (0, 1, 2)
TARGET_VARIANCE = 0.90
THINNED = 10
COPIES = 200
CHANGES: dict[str, Callable[[Image.Image], bytes]] = {
    "the same pixels as PNG": lambda image: _encoded(image, "PNG"),
    "JPEG again, quality 95": lambda image: _encoded(image, "JPEG", quality=95),
    "JPEG again, quality 85": lambda image: _encoded(image, "JPEG", quality=85),
    "2 pixels cut off at each side": lambda image: _encoded(
        image.crop((2, 2, image.width - 2, image.height - 2)), "PNG"
    ),
}


@dataclass(frozen=True)
class Album360:
    """The photos of the benchmark, with their coordinates and with the components that give these."""

    photos: Photos
    components: NDArray[np.float64]

    @classmethod
    def of(cls, source: Path) -> Album360:
        """Return the photos of an album. The components explain ``TARGET_VARIANCE``, as step 2 chooses them."""
        paths, features = photo_features.of_album(source)
        covariance = np.cov(features, rowvar=False, dtype=np.float64, bias=True)
        values, vectors = np.linalg.eigh(covariance)
        shares = np.cumsum(values[::-1]) / values.sum()
        components = vectors[:, ::-1][:, : int(np.searchsorted(shares, TARGET_VARIANCE)) + 1]
        labels = [path.split("/")[-2] for path in paths]
        return cls(Photos(paths, labels, leading(features @ components)), components)

    def every(self, step: int) -> Photos:
        """Return every n-th photo."""
        found = self.photos
        return Photos(found.paths[::step], found.labels[::step], found.coordinates[::step])


def main() -> None:
    """Measure and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=PHOTOS, help="folder or zip file of <label>/<photo>")
    parser.add_argument("--page", type=Path, default=README, help="page that holds the tables")
    arguments = parser.parse_args()
    images = arguments.images
    album = Album360.of(images)
    width = album.photos.coordinates.shape[1]
    which = f"{len(album.photos.paths):,} photos, {len(set(album.photos.labels))} labels, {width} coordinates."
    rows = [exchange(album.every(step), seed) for step in (1, THINNED) for seed in SEEDS]
    tables.write("suspects", rows, arguments.page, under=which)
    rows = [copies(album, images, name, change) for name, change in CHANGES.items()]
    tables.write("suspects_copies", rows, arguments.page)


def exchange(photos: Photos, seed: int) -> dict[str, object]:
    """Return a row: precision and recall after an exchange of labels."""
    rng = np.random.default_rng(seed)
    labels, left = list(photos.labels), rng.permutation(len(photos.labels)).tolist()
    pairs = list[tuple[int, int]]()
    while len(pairs) < EXCHANGED // 2:
        one = left.pop()
        other = next(row for row in reversed(left) if photos.labels[row] != photos.labels[one])
        left.remove(other)
        labels[one], labels[other] = photos.labels[other], photos.labels[one]
        pairs.append((one, other))
    wrong = {photos.paths[row] for pair in pairs for row in pair}
    start = time.perf_counter()
    found = search(Photos(photos.paths, labels, photos.coordinates))
    seconds = time.perf_counter() - start
    by_kind = {kind: [row.path for row in found.rows if row.kind is kind] for kind in SuspectKind}
    named = by_kind[SuspectKind.LABEL_DISAGREES]
    right = len(wrong.intersection(named))
    return {
        "photos": len(labels),
        "seed": seed,
        "exchanged": len(wrong),
        "named": len(named),
        "precision": f"{right / len(named):.2f}" if named else "–",
        "recall": f"{right / len(wrong):.2f}",
        "outliers": len(by_kind[SuspectKind.OUTLIER]),
        "near duplicates": len(by_kind[SuspectKind.NEAR_DUPLICATE]),
        "search, s": f"{seconds:.1f}",
    }


def search(photos: Photos) -> Suspects:
    """Return the suspects of a first run."""
    reference = Reference.of(photos.paths, photos.labels, photos.coordinates, new=True).bounded()
    return Judge(reference).suspects(photos)


def copies(album: Album360, images: Path, name: str, change: Callable[[Image.Image], bytes]) -> dict[str, object]:
    """Return a row: the share of changed copies that are near duplicates of their photo."""
    chosen = set(np.random.default_rng(0).choice(len(album.photos.paths), COPIES, replace=False).tolist())
    photos, featurizer = album.photos, photo_features.featurizer()
    judge = Judge(Reference.of(photos.paths, photos.labels, photos.coordinates))
    near, nearest = 0, 0
    for row, (key, content) in enumerate(Album(images).files()):
        if row not in chosen or album.photos.paths[row] != key:
            continue
        with Image.open(io.BytesIO(content)) as image:
            features = featurizer.features(decode(change(image.convert("RGB"))))
        point = leading(features[None] @ album.components)
        distances = np.linalg.norm(photos.coordinates - point, axis=1)
        nearest += bool(distances.argmin() == row)
        found = judge.suspects(Photos([f"{key} copy"], [photos.labels[row]], point)).rows
        near += any(one.kind is SuspectKind.NEAR_DUPLICATE and key in one.neighbours for one in found)
    return {
        "copy of a photo": name,
        "near duplicate of it": f"{near / COPIES:.0%}",
        "nearer to it than to all others": f"{nearest / COPIES:.0%}",
    }


def _encoded(image: Image.Image, kind: str, **options: int) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


if __name__ == "__main__":
    main()
