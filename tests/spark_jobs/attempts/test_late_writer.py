"""A step whose processes hang, a second attempt that completes, and the first one that goes on: all by spark-submit."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.places import of_long_form
from tests.spark_jobs.conftest import ARTIFACTS, Finished, Start
from verger_spark.features.local_inventory import write_inventory
from verger_spark.io import storage, table_file
from verger_spark.io.location import Location

PHOTOS = 400


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with drawn photos of two labels, and their inventory."""
    import numpy as np
    from PIL import Image

    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(3)
    for number in range(PHOTOS):
        path = folder / "images" / ("Kiwi", "Fig")[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (100, 100, 3), np.uint8)).save(path)
    write_inventory(folder, folder / "inventory.parquet")
    return folder


def arguments(folder: Path) -> list[str]:
    at = folder.as_uri()
    return [
        *("--images", at, "--images-prefix", "images/", "--inventory", f"{at}/inventory.parquet"),
        *("--model", (ARTIFACTS / "model").resolve().as_uri(), "--photos-per-task", "20"),
        *("--features", f"{at}/features/run=7~{{attempt}}/", "--rejects", f"{at}/rejects/run=7~{{attempt}}/"),
        *("--metrics", f"{at}/featurize.json", "--progress", f"{at}/progress.json"),
    ]


def processes(session: int) -> Iterator[int]:
    """Yield the processes of a session: spark-submit, the JVM, the driver, the Python workers."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.getsid(int(entry.name)) == session:
                    yield int(entry.name)
            except ProcessLookupError:
                continue


def send(session: int, number: signal.Signals) -> None:
    for process in list(processes(session)):
        os.kill(process, number)


def state(folder: Path) -> dict[str, str]:
    """Return a hash of each file that an attempt wrote."""
    found = [*folder.glob("*s/run=7~*/*"), folder / "featurize.json"]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


@of_long_form
def test_a_late_attempt_changes_nothing_and_its_finished_splits_are_used(photos: Path, start: Start) -> None:
    first = start(photos, ARTIFACTS / "featurize.py", *arguments(photos))
    try:
        until = time.monotonic() + 240
        while len(parts := [*photos.glob("features/run=7~*/part-*.parquet")]) < 3:
            assert first.poll() is None, first.communicate()[0]
            assert time.monotonic() < until
            time.sleep(0.05)
        send(first.pid, signal.SIGSTOP)
        assert not [*photos.glob("features/run=7~*/_files.json")], "the attempt hangs before its end"
        (late,) = photos.glob("features/run=7~*")
        # These photos are deleted: the second attempt can only copy their features.
        copied = [path for part in parts for path in pq.read_table(part, columns=["path"])["path"].to_pylist()]
        for path in copied:
            (photos / path).unlink()

        second = start(photos, ARTIFACTS / "featurize.py", *arguments(photos))
        output, _ = second.communicate()
        assert second.returncode == 0, output
        assert f"verger: {PHOTOS} photos featurized, 0 rejected" in output
        metrics = Finished(0, output, photos).json("featurize.json")
        features = metrics["outputs"]["features"]
        assert table_file.is_whole(features)
        before = state(photos)
        send(first.pid, signal.SIGCONT)
        output, _ = first.communicate(timeout=240)
    finally:
        send(first.pid, signal.SIGKILL)
    assert first.returncode == 1, output
    assert "another attempt of this step has started since" in output
    after = state(photos)
    assert {name: after[name] for name in before if late.name not in name} == {
        name: before[name] for name in before if late.name not in name
    }
    assert table_file.is_whole(features)
    rows = [row for file, _, _ in storage.files(features) if file.endswith(".parquet") for row in paths(file)]
    assert len(rows) == len({*rows}) == PHOTOS
    assert {*copied} <= {*rows}


def paths(uri: str) -> list[str]:
    found: list[str] = pq.read_table(Location.parse(uri).key, columns=["path"])["path"].to_pylist()
    return found
