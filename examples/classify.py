"""Train a classifier on the published vectors, measure it, and classify a new photo. An example for consumers.

    python examples/classify.py s3://my-bucket [photo ...]
    python examples/classify.py file:///copy/of/a/bucket new_photo.jpg

It needs `verger_reader.py` beside it or on PYTHONPATH, and pyarrow, numpy and scikit-learn. New photos need Pillow and
LiteRT in the versions of the pipeline; the reader names the command that installs them.

**How the classifier is measured.** Photos of one fruit resemble each other more than photos of two fruits. If some of
them are in the training part and others in the measured part, the accuracy is too high. Many data sets number the
photos of one fruit one after the other, as the frames of a video. So of each label the last fifth of the photos, in the
order of their names, is held apart. A photo that is also among the training photos with the same content is not
measured. For comparison, the program prints the accuracy with a random fifth.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import NearestNeighbors

sys.path.append(str(Path(__file__).resolve().parents[1]))  # verger_reader.py, one folder above
import verger_reader

HELD_APART = 0.2
"""Share of the photos of each label that measure the classifier."""

NEIGHBOURS = 5


@dataclass(frozen=True)
class Photos:
    """Published photos: paths, labels (photos,), and vectors of shape (photos, k)."""

    paths: NDArray[Any]
    labels: NDArray[Any]
    vectors: NDArray[numpy.float64]

    def __len__(self) -> int:
        return len(self.paths)

    def part(self, chosen: NDArray[numpy.bool_]) -> Photos:
        """Return some of the photos."""
        return Photos(self.paths[chosen], self.labels[chosen], self.vectors[chosen])


def read(published: verger_reader.Publication) -> Photos:
    """Return the published photos, in the order of their names: photo 2 before photo 10."""
    table = published.pca()
    paths, labels = (numpy.array(table[name].to_pylist(), dtype=object) for name in ("path", "label"))
    order = sorted(range(len(paths)), key=lambda row: natural_order(str(paths[row])))
    return Photos(paths[order], labels[order], verger_reader.matrix(table["pca_features"])[order])


def natural_order(path: str) -> list[str | int]:
    """Return a sort key that compares the numbers in a path as numbers.

    Examples
    --------
    >>> sorted(["Kiwi/r_10.jpg", "Kiwi/r_9.jpg"], key=natural_order)
    ['Kiwi/r_9.jpg', 'Kiwi/r_10.jpg']
    """
    return [int(part) if part.isdecimal() else part for part in re.split(r"([0-9]+)", path)]


def last_of_each_label(labels: NDArray[Any]) -> NDArray[numpy.bool_]:
    """Return which photos are held apart: the last fifth of each label, at least one. A label of one photo has none."""
    held = numpy.zeros(len(labels), dtype=bool)
    for label in set(labels):
        rows = numpy.flatnonzero(labels == label)
        count = min(len(rows) - 1, max(1, round(HELD_APART * len(rows))))
        held[rows[len(rows) - count :]] = True
    return held


def random_of_each_label(labels: NDArray[Any]) -> NDArray[numpy.bool_]:
    """Return as many photos of each label as `last_of_each_label`, at random."""
    order = numpy.random.default_rng(0).permutation(len(labels))
    held = numpy.zeros(len(labels), dtype=bool)
    held[order] = last_of_each_label(labels[order])
    return held


def without_duplicates(measured: Photos, train: Photos) -> Photos:
    """Return the measured photos whose vector no training photo has: a copy of a file has the same vector."""
    known = {vector.tobytes() for vector in train.vectors}
    return measured.part(numpy.array([vector.tobytes() not in known for vector in measured.vectors], dtype=bool))


def trained(photos: Photos) -> LinearDiscriminantAnalysis:
    """Return a classifier. The shrinkage makes it work with fewer photos than components."""
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(photos.vectors, photos.labels.astype(str))


def measure(photos: Photos, held: NDArray[numpy.bool_]) -> tuple[float, int]:
    """Train with some photos and measure with the others. Return the accuracy and the number of measured photos."""
    train = photos.part(~held)
    measured = without_duplicates(photos.part(held), train)
    if not len(measured) or len(set(train.labels)) < 2:
        raise ValueError(
            f"{len(photos)} photos of {len(set(photos.labels))} labels are too few to measure a classifier"
        )
    return float((trained(train).predict(measured.vectors) == measured.labels).mean()), len(measured)


def describe(photos: Photos, classifier: LinearDiscriminantAnalysis, vector: NDArray[numpy.float64]) -> str:
    """Return the predicted label of a new photo with its probability, and its nearest photos with their distances."""
    probabilities = classifier.predict_proba(vector[None])[0]
    best = int(probabilities.argmax())
    nearest = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(photos))).fit(photos.vectors)
    distances, rows = nearest.kneighbors(vector[None])
    lines = [f"{classifier.classes_[best]} (probability {probabilities[best]:.3f}); nearest photos:"]
    lines += [
        f"  {distance:8.3f}  {photos.labels[row]:24}  {photos.paths[row]}"
        for distance, row in zip(distances[0], rows[0], strict=True)
    ]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Run the command line. Return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", help="s3://bucket, or file:///folder for a copy of a bucket")
    parser.add_argument("photos", nargs="*", help="new photos to classify")
    options = parser.parse_args(arguments)
    status = 0
    try:
        published = verger_reader.open_publication(options.root)
        photos = read(published)
        print(f"run {published.run}: {len(photos)} photos, {len(set(photos.labels))} labels, k = {published.k}")
        for name, choose in (("the last photos", last_of_each_label), ("random photos", random_of_each_label)):
            accuracy, measured = measure(photos, choose(photos.labels))
            print(f"accuracy {accuracy:.4f} on {measured} photos held apart: {name} of each label")
        classifier = trained(photos)
        for path in options.photos:
            try:
                print(f"{path}: {describe(photos, classifier, published.vectors(path))}")
            except (verger_reader.UnreadablePhoto, OSError) as error:
                print(f"{path}: cannot be classified: {error}", file=sys.stderr)
                status = 1
    except (verger_reader.PublicationError, ValueError) as error:
        print(f"classify: error: {error}", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
