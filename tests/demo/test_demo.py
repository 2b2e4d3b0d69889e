"""The complete pipeline of the demo: photos on S3, the DAG in Airflow, steps on a cluster, a publication."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow.fs
import pyarrow.parquet as pq
import pytest

from demo.__main__ import settings
from demo.airflow_run import Airflow
from demo.clusters import newest
from local_aws.stack import Stack
from sample_photos.albums import Album, synchronise
from sample_photos.bucket import create_bucket, open_store
from sample_photos.invalid_photos import InvalidPhotos, draw_invalid_photos
from sample_photos.orchard import draw_orchard
from tests.ports import free_ports

BUCKET = "verger-test-orchard"
PHOTOS = 120
SPECIAL_KEYS = [
    "りんご/赤い りんご.jpg",
    "Pomme é 1/a+b=c&d?e#f%20.jpg",
    "/".join(["Kiwi " + "x" * 230] * 4) + "/kiwi.jpg",
]


@dataclass
class Run:
    """One run of the DAG over the sample photos: its lines on the terminal, and the bucket after it."""

    stack: Stack
    invalid_photos: InvalidPhotos
    succeeded: bool
    lines: list[str]

    def document(self, key: str) -> dict[str, Any]:
        value: dict[str, Any] = json.load(self.stack.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"])
        return value

    def rows(self, prefix: str) -> list[dict[str, Any]]:
        environment = self.stack.environment()
        files = pyarrow.fs.S3FileSystem(
            endpoint_override=environment["AWS_ENDPOINT_URL_S3"],
            access_key=environment["AWS_ACCESS_KEY_ID"],
            secret_key=environment["AWS_SECRET_ACCESS_KEY"],
            region=environment["AWS_REGION"],
        )
        rows: list[dict[str, Any]] = pq.read_table(
            f"{BUCKET}/{prefix}", filesystem=files, partitioning=None
        ).to_pylist()
        return rows


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("demo")
    first = free_ports()
    stack = Stack(folder / "stack", s3_port=first, emr_port=first + 8)
    draw_orchard(folder / "orchard", PHOTOS)
    invalid_photos = draw_invalid_photos(folder / "orchard")
    drawn = next((folder / "orchard").glob("*/*.jpg"))
    for key in SPECIAL_KEYS:
        (folder / "orchard" / key).parent.mkdir(parents=True)
        shutil.copy(drawn, folder / "orchard" / key)
    stack.up()
    try:
        variables = stack.environment()
        create_bucket(stack.client("s3"), BUCKET)
        synchronise(open_store(BUCKET, variables), "images/", Album(folder / "orchard"))
        airflow = Airflow(folder / "airflow", folder / "airflow.log", settings(BUCKET, variables))
        airflow.prepare()
        lines: list[str] = []
        succeeded = airflow.run(lines.append)
        yield Run(stack, invalid_photos, succeeded, lines)
    finally:
        stack.down()


def test_every_photo_is_published_once_or_rejected_with_a_reason(run: Run) -> None:
    assert run.succeeded, "\n".join(run.lines)
    published = run.document("published.json")
    rows = [row for table in published["pca"] for row in run.rows(f"pca/run={table['run']}/")]
    rejects = {
        row["path"].removeprefix("images/"): row["reason"] for row in run.rows(f"rejects/run={published['rejects']}/")
    }
    assert sorted(rejects) == sorted(run.invalid_photos.rejected)
    assert all(rejects.values())
    readable = PHOTOS + len(run.invalid_photos.accepted) + len(SPECIAL_KEYS)
    assert len({row["path"] for row in rows}) == len(rows) == published["photos"] == readable
    assert {f"images/{key}" for key in SPECIAL_KEYS} <= {row["path"] for row in rows}
    assert {len(row["pca_features"]) for row in rows} == {published["k"]}


def test_every_check_is_recorded_and_passed(run: Run) -> None:
    validation = run.document(f"runs/{run.document('published.json')['run']}/validation.json")
    checks = [check for rows in validation.values() for check in rows]
    assert {"one row per photo", "neighbours share labels", "explained variance"} <= {check["name"] for check in checks}
    assert all(check["passed"] for check in checks)


def test_the_terminal_shows_tasks_and_progress(run: Run) -> None:
    text = "\n".join(run.lines)
    assert "list_images" in text
    listed = PHOTOS + len(run.invalid_photos.accepted) + len(run.invalid_photos.rejected) + len(SPECIAL_KEYS)
    assert f"featurize {listed}/{listed} 100 %" in text
    assert len(run.lines) < 80, "the log of a normal run is short"
    assert newest(run.stack.client("emr")).endswith(" TERMINATED")
