"""Writes a publication of drawn photos, with everything that a later run reads: tables, file lists, sums, manifest.

    python -m benchmarks.scheduled.drawn_base PHOTOS --images ZIP         (environment variables: bucket, endpoint)

The features are those of a few photographs, so that the basis is that of real photos. The tables are written by the
writer of the steps, in files as a first run writes them. The sums, the basis and the variances follow from how often
each vector occurs. No suspects are found, but the reference is there.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.harness.synthetic_listing import LABELS, PREFIX
from benchmarks.scheduled.drawn_photos import TARGET, VECTORS, DrawnPhotos
from sample_photos.albums import Album
from verger.context import RunContext
from verger.publication import commit
from verger.publication.model import FeatureRun, ManifestPart, PcaRun, Snapshot
from verger.s3 import artifacts, clients
from verger.settings import Settings
from verger.tables.parquet import Store, upload, write_batches
from verger_contract.keys import Run, name_of
from verger_contract.metrics import FILE_LIST, ListedFile
from verger_contract.photos import folder_of
from verger_contract.preprocessing import preprocessing
from verger_contract.schemas import DELETES, FEATURES, MANIFEST, PCA, REJECTS
from verger_photo.decode import decode
from verger_photo.model import Featurizer
from verger_spark.features.model import load_model
from verger_spark.features.splits import Splits, Weights
from verger_spark.io import table_file
from verger_spark.pca import basis_files, spectrum
from verger_spark.pca.spectrum import Basis
from verger_spark.pca.sums import statistics
from verger_spark.pca.sums.covariance import Moments
from verger_spark.pca.sums.label_sums import LabelSum, LabelSums
from verger_spark.pca.sums.statistics import Statistics
from verger_verify.suspects import files as suspect_files
from verger_verify.suspects.reference import MOST, Reference, hashed, leading
from verger_verify.suspects.search import Before

ATTEMPT, SPARK = "0a1b2c3d", "4.1.1"
THREADS = 2


@dataclass(frozen=True)
class DrawnBase:
    """The tables of a publication of drawn photos, in splits as step 1 makes them on so many cores.

    Attributes
    ----------
    run : Run
    photos : DrawnPhotos
    cores : int
    """

    run: Run
    photos: DrawnPhotos
    cores: int = 2

    @cached_property
    def splits(self) -> Splits:
        """The splits of the photos."""
        return Splits.of(Weights.equal(self.photos.count), self.cores)

    def row_groups(self, split: int) -> Iterator[tuple[Sequence[int], int]]:
        """Yield the photos of each row group of a split, and the number of their vector."""
        rows = self.splits.rows(split)
        serials = range(rows.start + rows.offset, rows.stop, rows.stride)
        for number, start in enumerate(range(0, len(serials), table_file.GROUP_ROWS)):
            yield serials[start : start + table_file.GROUP_ROWS], (split * 7 + number) % VECTORS

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """How often each vector occurs in each label, shape (labels, vectors)."""
        counts = np.zeros((LABELS, VECTORS), np.int64)
        for split in range(len(self.splits)):
            for serials, vector in self.row_groups(split):
                counts[:, vector] += np.bincount(self.photos.labels(serials), minlength=LABELS)
        return counts

    def write_features(self) -> None:
        """Write the features of all photos."""
        vectors = [repeated(vector) for vector in self.photos.vectors]

        def columns(serials: Sequence[int], vector: int) -> list[pa.Array]:
            etags = pa.array([*map(self.photos.etag, serials)])
            labels = label_names(self.photos.labels(serials))
            return [self._paths(serials), labels, etags, vectors[vector][: len(serials)]]

        self._write(self.run.features, FEATURES.arrow, columns)

    def write_coordinates(self, basis: Basis) -> None:
        """Write the coordinates of all photos."""
        projected = self.photos.vectors.astype(np.float64) @ basis.components
        vectors, features_run = [repeated(vector) for vector in projected], name_of(self.run.features)

        def columns(serials: Sequence[int], vector: int) -> list[pa.Array]:
            labels = label_names(self.photos.labels(serials))
            run = pa.repeat(features_run, len(serials))
            return [self._paths(serials), labels, run, vectors[vector][: len(serials)]]

        self._write(self.run.pca, PCA.arrow, columns)

    def _paths(self, serials: Sequence[int]) -> pa.Array:
        return pa.array(self.photos.paths(serials))

    def _write(self, prefix: str, schema: pa.Schema, columns: Callable[[Sequence[int], int], list[pa.Array]]) -> None:
        def write(split: int) -> ListedFile:
            with table_file.writing(self.run.uri(prefix), split, schema) as file:
                for serials, vector in self.row_groups(split):
                    file.write(pa.RecordBatch.from_arrays(columns(serials, vector), schema=schema))
            return file.file

        with ThreadPoolExecutor(THREADS) as pool:
            table_file.mark_complete(self.run.uri(prefix), pool.map(write, range(len(self.splits))))

    def moments(self) -> Moments:
        """Return the moments of all features."""
        counts, vectors = self.counts.sum(axis=0), self.photos.vectors.astype(np.float64)
        return Moments(self.photos.count, counts @ vectors, (vectors * counts[:, np.newaxis]).T @ vectors)

    def label_sums(self, basis: Basis) -> LabelSums:
        """Return the sums of the coordinates of each label."""
        projected = self.photos.vectors.astype(np.float64) @ basis.components
        squares = np.square(projected).sum(axis=1)
        names = label_names(np.arange(LABELS)).to_pylist()
        return LabelSums(
            {
                name: LabelSum(int(counts.sum()), counts @ projected, float(counts @ squares))
                for name, counts in zip(names, self.counts, strict=True)
            }
        )

    def reference(self, basis: Basis) -> Reference:
        """Return the sample of photos in which later runs search for suspects."""
        projected = leading(self.photos.vectors.astype(np.float64) @ basis.components)
        # More photos than the reference has: it takes the same number of each label.
        largest = 2**64 * min(1.0, 3 * MOST / self.photos.count)
        found = [
            (path, vector)
            for split in range(len(self.splits))
            for serials, vector in self.row_groups(split)
            for path in self.photos.paths(serials)
            if hashed(path) <= largest
        ]
        paths, vectors = [path for path, _ in found], [vector for _, vector in found]
        return Reference.of(paths, [folder_of(path) for path in paths], projected[vectors]).bounded()

    def spread(self, basis: Basis) -> dict[str, Any]:
        """Return the variances of features and coordinates as the verification of a run writes them."""
        features = self.photos.vectors.astype(np.float64)
        return {
            "basis": name_of(self.run.basis),
            "features": self._spread(features),
            "coordinates": self._spread(features @ basis.components),
        }

    def _spread(self, vectors: NDArray[np.float64]) -> dict[str, Any]:
        counts = self.counts.sum(axis=0)
        mean = counts @ vectors / self.photos.count
        squares = counts @ np.square(vectors - mean)
        return {"count": self.photos.count, "mean": mean.tolist(), "squares": squares.tolist()}


def repeated(vector: NDArray[np.floating]) -> pa.ListArray:
    """Return a vector as a column with the rows of a row group."""
    rows, width = table_file.GROUP_ROWS, len(vector)
    offsets = np.arange(0, (rows + 1) * width, width, dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.tile(vector, rows)))


def label_names(labels: NDArray[np.int64]) -> pa.Array:
    """Return the names of labels, as they are in the keys of the photos."""
    return pa.array([f"{label:03}" for label in labels.tolist()])


def write(context: RunContext, photos: DrawnPhotos) -> Snapshot:
    """Write the publication and make it current in an empty bucket."""
    run, base = context.run, DrawnBase(context.run, photos)
    base.write_features()
    moments = base.moments()
    basis = spectrum.fit(moments, TARGET, len(moments.total))
    facts = {"photos": photos.count, "target_variance": TARGET, "explained_variance": basis.explained_variance}
    basis_files.save(basis, run.uri(run.basis), SPARK, facts)
    base.write_coordinates(basis)
    statistics.save(Statistics(moments, base.label_sums(basis)), run.uri(run.statistics))
    context.write_json(run.spread, base.spread(basis))
    suspect_files.write(run.uri(run.suspects), Before(base.reference(basis)), name_of(run.basis))
    table_file.write_empty(run.uri(run.rejects), REJECTS.arrow)
    for key, table, batches in (
        (run.manifest, MANIFEST, photos.manifest(name_of(run.features))),
        (run.deletes, DELETES, iter(())),
    ):
        with upload(context.client, run.bucket, key) as path:
            write_batches(path, table, batches)
    etag = commit.start_run(context.client, run, datetime.now(UTC))
    made = snapshot(context, photos, basis)
    commit.publish(context.client, run, made, etag.etag if etag else None)
    return made


def snapshot(context: RunContext, photos: DrawnPhotos, basis: Basis) -> Snapshot:
    """Return the snapshot of the drawn photos. Its model is that of the built artifact set."""
    run, count, now = context.run, photos.count, datetime.now(UTC).isoformat()
    built = artifacts.identity(context.client, context.settings.storage)
    decoding = context.settings.featurize.decoding
    model = {"weights": "drawn", "sha256": built.model_sha256}
    lists = {
        prefix: hashlib.sha256(context.store.read(f"{prefix}{FILE_LIST}")).hexdigest()
        for prefix in (run.features, run.pca)
    }
    features = FeatureRun(run=name_of(run.features), rows=count, current_rows=count, files=lists[run.features])
    coordinates = PcaRun(run=name_of(run.pca), rows=count, features=(features.run,), files=lists[run.pca])
    return Snapshot(
        published_at=now,
        run=run.id,
        features=(features,),
        pca=(coordinates,),
        rejects=name_of(run.rejects),
        pca_attempt=run.pca_attempt,
        since_full_pass=0,
        verified_all_at=now,
        manifests=(ManifestPart(run=run.id, rows=count),),
        basis=name_of(run.basis),
        photos=count,
        rejected=0,
        k=basis.k,
        target_variance=TARGET,
        explained_variance=basis.explained_variance,
        model=model | {"preprocessing": preprocessing(decoding, built.preprocessing_version)},
        artifacts=built.sha256,
        images_prefix=PREFIX,
        changes={"listed": count, "new": count},
        basis_reason="drawn",
        basis_target=TARGET,
    )


def features_of(settings: Settings, photographs: Iterable[bytes]) -> NDArray[np.float32]:
    """Return the features that the built artifact set computes for photographs."""
    featurizer = Featurizer(load_model((settings.storage.artifacts_dir / "model").as_uri()))
    return np.stack([featurizer.features(decode(content)) for content in photographs])


def main() -> None:
    """Write the publication of so many drawn photos into the bucket of the settings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=int, help=f"photos, a multiple of {LABELS}")
    parser.add_argument("--images", type=Path, required=True, help="folder or zip of <label>/<photo>")
    arguments = parser.parse_args()
    bucket, client = os.environ["VERGER_BUCKET"], boto3.client("s3")
    run, settings = Run(bucket, "drawn", ATTEMPT, ATTEMPT), Settings.from_environment({"VERGER_BUCKET": bucket})
    context = RunContext(run, settings, client, Store(clients.filesystem(client), run.bucket))
    photographs = islice(cycle(content for _, content in Album(arguments.images, VECTORS).files()), VECTORS)
    made = write(context, DrawnPhotos(arguments.photos, features_of(settings, photographs)))
    print(f"{made.photos:,} drawn photos published, k = {made.k}, explained variance {made.explained_variance:.4f}")


if __name__ == "__main__":
    main()
