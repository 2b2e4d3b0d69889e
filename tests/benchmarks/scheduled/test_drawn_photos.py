"""The tables of drawn photos agree with each other: keys, ETags, sums."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from benchmarks.scheduled.changes import spread
from benchmarks.scheduled.drawn_base import DrawnBase
from benchmarks.scheduled.drawn_photos import VECTORS, DrawnPhotos
from benchmarks.scheduled.scheduled_run import counted
from verger_contract.keys import Run
from verger_contract.photos import folder_of
from verger_contract.schemas import FEATURES_WIDTH
from verger_spark.pca import spectrum

PHOTOS = 4000
FEATURES = np.abs(np.random.default_rng(16).normal(size=(VECTORS, FEATURES_WIDTH))).astype(np.float32)


def test_the_inventory_of_a_later_run_differs_by_the_changes() -> None:
    photos = DrawnPhotos(PHOTOS)
    stored = {photos.path(7): ("changed", 1), "images/new/1.jpg": ("new", 2)}
    manifest = pa.Table.from_batches(photos.manifest("drawn"))
    inventory = pa.Table.from_batches(photos.inventory({5}, stored))
    before = dict(zip(manifest["path"].to_pylist(), manifest["etag"].to_pylist(), strict=True))
    after = dict(zip(inventory["path"].to_pylist(), inventory["etag"].to_pylist(), strict=True))
    assert list(after) == sorted(after)
    assert before.keys() - after.keys() == {photos.path(5)}
    assert {path: etag for path, etag in after.items() if before.get(path) != etag} == {
        photos.path(7): "changed",
        "images/new/1.jpg": "new",
    }


def test_each_photo_is_in_one_split_and_the_sums_are_those_of_all_rows() -> None:
    base = DrawnBase(Run("bucket", "drawn"), DrawnPhotos(PHOTOS, FEATURES))
    serials: list[int] = []
    vectors: list[int] = []
    for split in range(len(base.splits)):
        for rows, vector in base.row_groups(split):
            serials += rows
            vectors += [vector] * len(rows)
    assert sorted(serials) == list(range(PHOTOS))
    features, moments = base.photos.vectors[vectors].astype(np.float64), base.moments()
    np.testing.assert_allclose(moments.gram, features.T @ features, rtol=1e-9)
    found = spectrum.fit(moments, 0.9, 1280)
    projected = features @ found.components
    assert base.label_sums(found).photos == moments.count == PHOTOS
    reference = base.reference(found)
    assert sorted(reference.paths) == base.photos.paths(range(PHOTOS))
    assert {folder_of(path) for path in reference.paths} == set(base.label_sums(found).by_label)
    spreads = base.spread(found)
    np.testing.assert_allclose(spreads["features"]["squares"], features.var(axis=0) * PHOTOS, rtol=1e-9)
    np.testing.assert_allclose(spreads["coordinates"]["mean"], projected.mean(axis=0), atol=1e-9)


def test_the_changes_of_two_runs_differ() -> None:
    changes = [set(spread(PHOTOS, 10, number)) for number in range(6)]
    assert sum(map(len, changes)) == len(set.union(*changes)) == 60


def test_requests_are_counted_by_kind() -> None:
    text = """# HELP SeaweedFS_s3_request_total Counter of s3 requests.
SeaweedFS_s3_request_total{bucket="a",code="200",type="GET"} 5
SeaweedFS_s3_request_total{bucket="a",code="404",type="GET"} 1
SeaweedFS_s3_request_total{bucket="a",code="200",type="POST"} 2
SeaweedFS_s3_other{type="GET"} 9
"""
    assert counted(text) == {"GET": 6, "PUT": 2}
