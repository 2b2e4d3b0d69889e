"""check_features finds every kind of defect in the tables of step 1, and names the photos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy
import pytest

from tests.spark_jobs.verify.written_run import (
    LABELS,
    PER_LABEL,
    SAMPLES,
    Defect,
    WrittenRun,
    cluster,
    correct_run,
    uri,
    write_list,
)
from verger_contract.keys import Run
from verger_contract.metrics import FILE_LIST
from verger_contract.verification.check import Check
from verger_verify import neighbours
from verger_verify.features import Written, verify


def checks_of(run: Run, folder: Path) -> list[Check]:
    written = Written(work=uri(folder, run.work), features=uri(folder, run.features), rejects=uri(folder, run.rejects))
    return verify(cluster(), written, SAMPLES, None).checks


def failed(written: WrittenRun, folder: Path) -> dict[str, Check]:
    run = written.write(folder)
    return {check.name: check for check in checks_of(run, folder) if not check.passed}


def test_a_correct_run_passes_every_check(tmp_path: Path) -> None:
    run = correct_run().write(tmp_path)
    checks = {check.name: check for check in checks_of(run, tmp_path)}
    assert {name for name, check in checks.items() if not check.passed} == set()
    assert len(checks) == 9
    assert checks["one row per photo"].found == "120 rows"
    assert checks["1280 numbers per photo"].counted == {"photos": 118}
    assert checks["neighbours share labels"].found == "100.0% of 100 photos"


def test_a_run_without_rejects_passes(tmp_path: Path) -> None:
    written = correct_run()
    rejected = {row["path"] for row in written.rejects}
    written.inventory = [row for row in written.inventory if row["path"] not in rejected]
    written.rejects = []
    assert failed(written, tmp_path) == {}


def missing(written: WrittenRun) -> None:
    written.features.pop(3)


def unknown(written: WrittenRun) -> None:
    written.features.append({**written.features[3], "path": "images/Test/Apple/of old.jpg"})


def repeated(written: WrittenRun) -> None:
    written.features.append(written.features[3])


def both_row_and_reject(written: WrittenRun) -> None:
    written.rejects.append({"path": written.features[3]["path"], "etag": "Apple4", "reason": "?"})


def swapped(written: WrittenRun) -> None:
    """The number of rows is correct, but one photo has two rows and one has none."""
    written.features[3] = written.features[4]


def old_etag(written: WrittenRun) -> None:
    written.features[3]["etag"] = "yesterday's"


def not_a_number(written: WrittenRun) -> None:
    written.features[3]["features"][7] = numpy.nan


def infinite(written: WrittenRun) -> None:
    written.features[3]["features"][7] = -numpy.inf


def narrow(written: WrittenRun) -> None:
    written.features[3]["features"] = written.features[3]["features"][:-1]


def absent(written: WrittenRun) -> None:
    written.features[3]["features"] = None


def wrong_label(written: WrittenRun) -> None:
    written.features[3]["label"] = "Kiwi"


def no_label(written: WrittenRun) -> None:
    written.features[3]["label"] = None


def shuffled(written: WrittenRun) -> None:
    """Every vector is that of another photo."""
    vectors = [row["features"] for row in written.features]
    order = numpy.random.default_rng(1).permutation(len(vectors))
    for row, other in zip(written.features, order, strict=True):
        row["features"] = vectors[other]


def no_rows(written: WrittenRun) -> None:
    written.features = []


THIRD = "images/Test/Apple/4.jpg"


@pytest.mark.parametrize(
    ("defect", "names", "detail"),
    [
        (missing, {"one row per photo", "etags of the inventory"}, f"missing: '{THIRD}'"),
        (unknown, {"one row per photo", "etags of the inventory"}, "unexpected: 'images/Test/Apple/of old.jpg'"),
        (repeated, {"one row per photo", "no path twice", "etags of the inventory"}, f"repeated: '{THIRD}'"),
        (both_row_and_reject, {"one row per photo", "no path twice", "etags of the inventory"}, f"repeated: '{THIRD}'"),
        (swapped, {"one row per photo", "no path twice", "etags of the inventory"}, f"missing: '{THIRD}'"),
        (old_etag, {"etags of the inventory"}, f"'{THIRD}'"),
        (not_a_number, {"every number finite"}, THIRD),
        (infinite, {"every number finite"}, THIRD),
        (narrow, {"1280 numbers per photo"}, ""),
        (absent, {"1280 numbers per photo"}, ""),
        (wrong_label, {"labels equal folders"}, f"{THIRD} labelled Kiwi"),
        (no_label, {"labels equal folders"}, f"{THIRD} labelled None"),
        (shuffled, {"neighbours share labels"}, ""),
    ],
)
def test_a_defect_fails_its_checks_and_names_the_photo(
    defect: Defect, names: set[str], detail: str, tmp_path: Path
) -> None:
    written = correct_run()
    defect(written)
    found = failed(written, tmp_path)
    # A wrong label also changes the neighbours, but only the named checks may fail.
    assert set(found) == names
    assert detail in next(check.detail for check in found.values())


def test_a_run_without_tables_fails(tmp_path: Path) -> None:
    written = correct_run()
    no_rows(written)
    assert set(failed(written, tmp_path)) == {"one row per photo", "etags of the inventory"}


def test_a_run_with_only_deleted_photos_passes(tmp_path: Path) -> None:
    written = correct_run()
    written.inventory, written.features, written.rejects = [], [], []
    assert failed(written, tmp_path) == {}


def test_many_missing_photos_are_named_ten_at_a_time(tmp_path: Path) -> None:
    written = correct_run()
    del written.features[20:80]
    row = failed(written, tmp_path)["one row per photo"]
    assert row.found == "60 rows, not the same photos"
    assert row.detail.startswith("missing: ")
    assert row.detail.count(".jpg") == 10


def test_the_order_of_the_rows_does_not_matter(tmp_path: Path) -> None:
    written, again = correct_run(), correct_run()
    again.features.reverse()
    again.inventory.reverse()
    first, second = (
        checks_of(run.write(tmp_path / name), tmp_path / name) for name, run in (("a", written), ("b", again))
    )
    assert first[2:] == second[2:]


@pytest.mark.parametrize(("labels", "reason"), [(1, "the same label"), (4, "needs 50")])
def test_the_neighbours_of_too_few_photos_or_of_one_label_are_not_checked(
    labels: int, reason: str, tmp_path: Path
) -> None:
    written = correct_run()
    kept = [f"/{label}/" for label in LABELS[:labels]]
    for table in ("inventory", "features", "rejects"):
        rows = [row for row in getattr(written, table) if any(folder in row["path"] for folder in kept)]
        setattr(written, table, rows)
    if labels == 4:
        few = {f"/{number}.jpg" for number in range(5, PER_LABEL)}
        written.inventory = [row for row in written.inventory if not row["path"].endswith(tuple(few))]
        written.features = [row for row in written.features if not row["path"].endswith(tuple(few))]
    run = written.write(tmp_path)
    checks = {check.name: check for check in checks_of(run, tmp_path)}
    assert all(check.passed for check in checks.values())
    assert checks["neighbours share labels"].found == "skipped"
    assert reason in checks["neighbours share labels"].detail


def test_a_table_of_other_columns_fails_and_names_the_file(tmp_path: Path) -> None:
    run = correct_run().write(tmp_path)
    (tmp_path / run.features / "part-0.parquet").write_bytes((tmp_path / run.pca / "part-0.parquet").read_bytes())
    write_list(tmp_path / run.features)
    (check,) = [check for check in checks_of(run, tmp_path) if not check.passed]
    assert check.name.startswith("files of ")
    assert (
        "part-0.parquet: expected columns path, label, etag, features, found path, label, features_run" in check.detail
    )


def rewritten(file: Path) -> None:
    """Another content of the same size."""
    content = bytearray(file.read_bytes())
    content[200] ^= 0xFF
    file.write_bytes(bytes(content))


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("damage", "problem"),
    [(rewritten, "expected the SHA-256"), (cut, "bytes, found"), (Path.unlink, "no such file")],
)
@pytest.mark.parametrize("table", ["features", "rejects"])
def test_a_file_that_is_not_the_one_of_the_list_fails(
    damage: Callable[[Path], None], problem: str, table: str, tmp_path: Path
) -> None:
    run = correct_run().write(tmp_path)
    damage(tmp_path / getattr(run, table) / "part-0.parquet")
    found = [check for check in checks_of(run, tmp_path) if not check.passed]
    assert [f"/{getattr(run, table)}" in check.name and problem in check.detail for check in found] == [True]


def test_a_table_without_a_list_fails_and_an_added_file_is_not_read(tmp_path: Path) -> None:
    run = correct_run().write(tmp_path)
    copied = tmp_path / run.features / "copy of part-0.parquet"
    copied.write_bytes((tmp_path / run.features / "part-0.parquet").read_bytes())
    checks = checks_of(run, tmp_path)
    assert all(check.passed for check in checks)
    assert "copy of part-0.parquet: not in the file list, so it is not read" in checks[0].detail
    (tmp_path / run.features / FILE_LIST).unlink()
    (check,) = [check for check in checks_of(run, tmp_path) if not check.passed]
    assert check.expected.startswith("a file list")


def test_photos_that_share_no_label_are_counted_apart() -> None:
    vectors = [numpy.full(3, number, numpy.float32) for number in range(12)]
    found = neighbours.check([str(number) for number in range(12)], vectors).detail
    assert found == "too few new photos (0 of 12 share a label, needs 50)"
    assert neighbours.check(["a", "a", "b", "b"], vectors[:4]).detail == "too few new photos (4, needs 50)"
