"""The verification of features by spark-submit: the features of photos are computed again from their bytes."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageDraw

from tests.spark_jobs.conftest import ARTIFACTS, Finished, Submit
from tests.spark_jobs.verify.written_run import write_list
from verger_contract.schemas import FEATURES

AGAIN = "features computed again"
PHOTOS = 12

IN_TASKS = """
import runpy, sys
from verger_verify.tables import work

work.SMALL_BYTES = -1  # no input is small: Spark tasks read it
sys.argv[0] = {script!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, featurize: Submit) -> Path:
    """A folder with photos and the output of step 1."""
    made = tmp_path_factory.mktemp("verified")
    for number in range(PHOTOS):
        path = made / "images" / ("Kiwi", "Fig")[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo(number))
    done = featurize(made)
    assert done.code == 0, done.output
    return made


def photo(number: int) -> bytes:
    """Return a photo of coloured shapes, different for each number."""
    rng, buffer = np.random.default_rng(number), io.BytesIO()
    image = Image.new("RGB", (100, 100), tuple(rng.integers(0, 255, 3).tolist()))
    for _ in range(6):
        left, top = rng.integers(0, 70, 2).tolist()
        ImageDraw.Draw(image).ellipse((left, top, left + 30, top + 30), tuple(rng.integers(0, 255, 3).tolist()))
    image.save(buffer, "JPEG")
    return buffer.getvalue()


def verify(submit: Submit, folder: Path, script: Path = ARTIFACTS / "verify.py") -> tuple[Finished, dict[str, Any]]:
    at = folder.as_uri()
    done = submit(
        folder,
        script,
        *("--table", "features", "--plan", f"{at}/plan.json", "--work", f"{at}/inventory.parquet"),
        *("--featurize-metrics", f"{at}/featurize.json", "--images", at),
        *("--model", (ARTIFACTS / "model").resolve().as_uri(), "--verdict", f"{at}/verify_features.json"),
    )
    assert done.code == 0, done.output
    return done, json.loads((folder / "verify_features.json").read_text())


def change(folder: Path, defect: Callable[[list[dict[str, Any]]], None]) -> Callable[[], None]:
    """Change rows of the features, as if step 1 had written them. Return a function that restores the table."""
    files = {file: file.read_bytes() for file in (folder / "features").iterdir()}
    part = max((folder / "features").glob("part-*.parquet"), key=lambda file: pq.read_metadata(file).num_rows)
    rows = pq.read_table(part).to_pylist()
    defect(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=FEATURES.arrow), part)
    write_list(folder / "features")

    def restore() -> None:
        for file, content in files.items():
            file.write_bytes(content)

    return restore


def exchanged(rows: list[dict[str, Any]]) -> None:
    """Two photos have each other's features. All counts, paths and labels are right."""
    rows[0]["features"], rows[1]["features"] = rows[1]["features"], rows[0]["features"]


def noise(rows: list[dict[str, Any]]) -> None:
    rows[0]["features"] = np.random.default_rng(7).random(1280).tolist()


@pytest.mark.parametrize("in_tasks", [False, True])
def test_the_verdict_on_correct_features(folder: Path, submit: Submit, in_tasks: bool, tmp_path: Path) -> None:
    script = ARTIFACTS / "verify.py"
    if in_tasks:
        script = tmp_path / "in_tasks.py"
        script.write_text(IN_TASKS.format(script=str(ARTIFACTS / "verify.py")))
    done, verdict = verify(submit, folder, script)
    checks = {check["name"]: check for check in verdict["checks"]}
    assert all(check["passed"] for check in checks.values())
    assert f"verger: {len(checks)} of {len(checks)} checks passed" in done.output
    assert checks[AGAIN]["found"].startswith(f"0 of {PHOTOS} photos differ")
    assert checks["1280 numbers per photo"]["counted"] == {"photos": PHOTOS}
    assert len(verdict["file_lists"]) == 2
    assert bool(verdict["application"]) is in_tasks


@pytest.mark.parametrize("defect", [exchanged, noise])
def test_features_of_another_photo_are_found_among_few_photos(
    defect: Callable[[list[dict[str, Any]]], None], folder: Path, submit: Submit
) -> None:
    restore = change(folder, defect)
    try:
        _, verdict = verify(submit, folder)
    finally:
        restore()
    failed = {check["name"]: check for check in verdict["checks"] if not check["passed"]}
    assert set(failed) == {AGAIN}
    assert ".jpg' differs by" in failed[AGAIN]["detail"]


def test_a_photo_that_was_replaced_since_is_not_compared(folder: Path, submit: Submit) -> None:
    replaced = next((folder / "images" / "Kiwi").glob("*.jpg"))
    content = replaced.read_bytes()
    replaced.write_bytes(photo(99))
    try:
        _, verdict = verify(submit, folder)
    finally:
        replaced.write_bytes(content)
    (check,) = [check for check in verdict["checks"] if check["name"] == AGAIN]
    assert check["passed"]
    assert check["found"].startswith(f"0 of {PHOTOS - 1} photos differ")
    assert check["detail"] == "1 photos were not compared: changed since it was listed"
