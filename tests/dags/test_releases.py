"""The complete DAG with both releases over one bucket: Spark 4.1 and Spark 3.5 publish the same data.

A run with EMR 8 features all photos. A run with EMR 7 does the same again. The next run with EMR 7 follows a change of
most photos: it compacts the earlier feature run and measures the drift of the new photos.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

import verger_reader
from sample_photos.orchard import draw_orchard
from tests.dags.airflow_runs import RunDag
from verger.s3.clients import client, read_json
from verger_contract.keys import PUBLISHED, SPARK_EVENTS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FULL = "FULL_RELEASES"
pytestmark = [
    pytest.mark.skipif(
        not os.environ.get(FULL), reason=f"six minutes: {FULL}=1 make test-dags ONLY=tests/dags/test_releases.py"
    ),
]

EMR_8, EMR_7 = "emr-spark-8.1.0", "emr-7.14.0"
PHOTOS, CHANGED = 60, 40


@dataclass
class ReleaseRuns:
    """Runs of the DAG over one bucket, and the id of each by its name."""

    run_dag: RunDag
    s3: S3Client
    bucket: str
    ids: dict[str, str] = field(default_factory=dict)
    replaced: dict[str, str] = field(default_factory=dict)
    """For each changed photo the photo whose content it has after the second run."""

    def run(self, name: str, release: str, **params: Any) -> None:
        done = self.run_dag(self.bucket, params=params, VERGER_RELEASE_LABEL=release, VERGER_PHOTOS_PER_TASK="20")
        assert done.returncode == 0, done.stdout[-5000:]
        self.ids[name] = read_json(self.s3, self.bucket, PUBLISHED)["run"]

    def metrics(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = read_json(self.s3, self.bucket, f"runs/{self.ids[name]}/pca.json")
        return found

    def vectors(self, name: str, table: str) -> dict[str, NDArray[Any]]:
        """Return the vector of each photo by path: `features` or `pca` of a run."""
        published = verger_reader.open_publication(f"s3://{self.bucket}", self.ids[name])
        rows = published.features() if table == "features" else published.pca()
        return dict(zip(rows["path"].to_pylist(), verger_reader.matrix(rows[rows.column_names[-1]]), strict=True))


@pytest.fixture(scope="module")
def runs(stack: Path, run_dag: RunDag, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReleaseRuns]:
    from tests.plugins.conftest import bucket_settings

    folder = draw_orchard(tmp_path_factory.mktemp("orchard"), PHOTOS).folder
    photos = {f"images/{path.relative_to(folder).as_posix()}": path for path in sorted(folder.rglob("*.jpg"))}
    with bucket_settings() as settings:
        runs = ReleaseRuns(run_dag, client(settings.storage), settings.storage.bucket)
        for key, path in photos.items():
            runs.s3.put_object(Bucket=runs.bucket, Key=key, Body=path.read_bytes())
        runs.run("EMR 8", EMR_8)
        runs.run("EMR 7", EMR_7, full_refresh=True)
        keys = [*photos]
        runs.replaced = dict(zip(keys[:CHANGED], [*keys[1:CHANGED], keys[0]], strict=True))
        for key, other in runs.replaced.items():
            runs.s3.put_object(Bucket=runs.bucket, Key=key, Body=photos[other].read_bytes())
        runs.run("changed", EMR_7)
        yield runs


def test_each_run_has_the_spark_of_its_release(runs: ReleaseRuns) -> None:
    assert {name: runs.metrics(name)["spark"] for name in runs.ids} == {
        "EMR 8": "4.1.1",
        "EMR 7": "3.5.6",
        "changed": "3.5.6",
    }


def test_both_releases_compute_the_same_features_and_coordinates(runs: ReleaseRuns) -> None:
    assert runs.metrics("EMR 7")["k"] == runs.metrics("EMR 8")["k"] > 1
    features = {name: runs.vectors(name, "features") for name in ("EMR 8", "EMR 7")}
    assert len(features["EMR 8"]) == PHOTOS
    assert features["EMR 7"].keys() == features["EMR 8"].keys()
    assert all(np.array_equal(features["EMR 7"][path], vector) for path, vector in features["EMR 8"].items())
    coordinates = {name: runs.vectors(name, "pca") for name in ("EMR 8", "EMR 7")}
    assert coordinates["EMR 7"].keys() == coordinates["EMR 8"].keys()
    for path, vector in coordinates["EMR 8"].items():
        np.testing.assert_allclose(coordinates["EMR 7"][path], vector, rtol=0, atol=1e-9)


def test_spark_35_compacts_and_measures_the_drift_on_s3(runs: ReleaseRuns) -> None:
    metrics = runs.metrics("changed")
    assert metrics["compacted"] == PHOTOS - CHANGED
    assert metrics["drift"]["new"] == CHANGED
    assert sum(label["new"] for label in metrics["drift"]["labels"]) == CHANGED
    before, after = runs.vectors("EMR 7", "features"), runs.vectors("changed", "features")
    assert after.keys() == before.keys()
    assert all(np.array_equal(after[path], before[runs.replaced.get(path, path)]) for path in before)


def test_the_event_log_of_each_application_is_in_the_bucket(runs: ReleaseRuns) -> None:
    """Step 2 of so few photos starts no application."""
    listed = runs.s3.list_objects_v2(Bucket=runs.bucket, Prefix=SPARK_EVENTS)["Contents"]
    logs = [item["Key"].removeprefix(SPARK_EVENTS) for item in listed if item["Size"]]
    assert len(logs) == len(runs.ids)
    for name in runs.ids:
        assert runs.metrics(name)["application"] == ""
        featurized = read_json(runs.s3, runs.bucket, f"runs/{runs.ids[name]}/featurize.json")
        assert [log for log in logs if log.startswith(featurized["application"])] != [], name
