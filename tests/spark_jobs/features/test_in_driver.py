"""Few photos are featurized in the driver, without Spark."""

from __future__ import annotations

from pathlib import Path

from tests.spark_jobs.conftest import Submit
from tests.spark_jobs.test_featurize import IN_TASKS, LEGAL, photo, put
from verger_spark.features.splits import BYTES, SMALLEST


def test_the_driver_computes_the_features_of_few_photos_without_spark(tmp_path: Path, featurize: Submit) -> None:
    for name, content in LEGAL.items():
        put(tmp_path, name, content)
    features, applications = [], []
    for arguments in (IN_TASKS, ()):
        (tmp_path / "featurize.json").unlink(missing_ok=True)
        finished = featurize(tmp_path, *arguments)
        assert finished.code == 0, finished.output
        features.append(finished.rows("features"))
        applications.append(finished.json("featurize.json")["application"])
    assert features[0] == features[1]
    assert applications[0] != ""
    assert applications[1] == ""


def test_spark_starts_for_few_large_files(tmp_path: Path, featurize: Submit) -> None:
    """They weigh more than the smallest split."""
    for number in range(2):
        content = photo()
        put(tmp_path, f"Kiwi/{number}.jpg", content + bytes(SMALLEST * BYTES // 2 - len(content)))
    finished = featurize(tmp_path)
    assert "verger: 2 photos featurized, 0 rejected" in finished.output
    assert finished.json("featurize.json")["application"] != ""
