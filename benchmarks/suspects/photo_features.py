"""The features of the photos of an album, computed once and stored."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.harness.places import FOLDER, STATE
from sample_photos.albums import Album
from verger_photo.decode import decode
from verger_photo.model import Featurizer, Model

MODEL = STATE / "artifacts/current/model"
PHOTOS_PER_CALL = 64
Photos: TypeAlias = tuple[tuple[str, bytes], ...]


def of_album(source: Path) -> tuple[list[str], NDArray[np.float32]]:
    """Return the keys <label>/<photo> of all photos, and their features, shape (photos, 1280).

    The first call computes them in one process for each core, which takes minutes. Later calls read them from a file.
    """
    stored = FOLDER / "suspects" / f"{Album(source).name}-{_model().sha256[:12]}.parquet"
    if not stored.exists():
        print(f"computing the features of {source}", flush=True)
        _compute(source, stored)
    table = pq.read_table(stored)
    features = table["features"].combine_chunks().flatten().to_numpy().reshape(len(table), -1)
    return table["path"].to_pylist(), features


def featurizer() -> Featurizer:
    """Return what computes the features of one photo."""
    return Featurizer(_model())


def _model() -> Model:
    return Model.of(str(MODEL), lambda name: (MODEL / name).read_bytes())


def _compute(source: Path, stored: Path) -> None:
    keys, rows = list[str](), list[NDArray[np.float32]]()
    with ProcessPoolExecutor() as pool:
        for some, vectors in pool.map(_featurized, _calls(Album(source))):
            keys += some
            rows.append(vectors)
    features = np.concatenate(rows)
    column = pa.FixedSizeListArray.from_arrays(pa.array(features.reshape(-1)), features.shape[1])
    stored.parent.mkdir(parents=True, exist_ok=True)
    temporary = stored.with_suffix(".part")
    pq.write_table(pa.table({"path": keys, "features": column}), temporary)
    temporary.replace(stored)


def _calls(album: Album) -> Iterator[Photos]:
    files = album.files()
    while photos := tuple(islice(files, PHOTOS_PER_CALL)):
        yield photos


_featurizers: list[Featurizer] = []
"""That of this worker process, which its first call makes."""


def _featurized(photos: Photos) -> tuple[list[str], NDArray[np.float32]]:
    if not _featurizers:
        _featurizers.append(featurizer())
    return [key for key, _ in photos], np.stack([_featurizers[0].features(decode(content)) for _, content in photos])
