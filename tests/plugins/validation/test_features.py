"""check_features finds every kind of defect in the tables of step 1, and names the photos."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest

from tests.plugins.validation.written_run import LABELS, PER_LABEL, Defect, WrittenRun, correct_run, plan
from verger.settings import Validation
from verger.tables.parquet import TableError
from verger.validation.check import Check
from verger.validation.features import check_features, same_identity, share_of_rejects

LIMITS = Validation(neighbour_sample=100)


def failed(written: WrittenRun, folder: Path, limits: Validation = LIMITS) -> dict[str, Check]:
    store, run = written.write(folder)
    return {check.name: check for check in check_features(store, run, limits) if not check.passed}


def test_a_correct_run_passes_every_check(tmp_path: Path) -> None:
    store, run = correct_run().write(tmp_path)
    checks = {check.name: check for check in check_features(store, run, LIMITS)}
    assert {name for name, check in checks.items() if not check.passed} == set()
    assert len(checks) == 7
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


@pytest.mark.parametrize(
    ("photos", "rejected", "most", "passed", "found"),
    [
        (120, 2, 0.05, True, "1.67% (2 of 120)"),
        (120, 2, 0.01, False, "1.67% (2 of 120)"),
        (100, 5, 0.05, True, "5.00% (5 of 100)"),
        (3, 3, 1.0, True, "100.00% (3 of 3)"),
        (0, 0, 0.0, True, "0.00% (0 of 0)"),
    ],
)
def test_the_share_of_rejects_is_that_of_all_current_photos(
    photos: int, rejected: int, most: float, passed: bool, found: str
) -> None:
    kinds = {"not an image": rejected // 3, "access denied": rejected - rejected // 3}
    check = share_of_rejects(photos, kinds, most)
    assert (check.passed, check.found, check.counted) == (passed, found, {"rejected": rejected})
    assert check.expected == f"at most {most:.1%}"


def test_a_share_of_rejects_that_is_too_large_has_the_kinds_the_most_frequent_first() -> None:
    check = share_of_rejects(2000, {"not an image": 2, "access denied": 1700, "empty file": 1}, 0.05)
    assert check.detail == "access denied: 1,700, not an image: 2, empty file: 1"
    assert share_of_rejects(2000, {"not an image": 2}, 0.05).detail == ""


@pytest.mark.parametrize(
    ("metrics", "passed", "found"),
    [
        ({"model_sha256": "ab" * 32, "preprocessing": "2-exact"}, True, "model abababababab, preprocessing 2-exact"),
        ({"model_sha256": "ab" * 32, "preprocessing": "2-scaled"}, False, "model abababababab, preprocessing 2-scaled"),
        ({"model_sha256": "cd" * 32, "preprocessing": "2-exact"}, False, "model cdcdcdcdcdcd, preprocessing 2-exact"),
        ({"model_sha256": "ab" * 32}, False, "model abababababab, preprocessing unknown"),
        ({}, False, "model unknown, preprocessing unknown"),
    ],
)
def test_step_1_computed_the_features_of_the_plan(metrics: dict[str, str], passed: bool, found: str) -> None:
    check = same_identity(plan(), metrics)
    assert (check.passed, check.found) == (passed, found)
    assert check.expected == "model abababababab, preprocessing 2-exact"


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
        check_features(*run.write(tmp_path / name), LIMITS) for name, run in (("a", written), ("b", again))
    )
    assert first == second


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
    store, run = written.write(tmp_path)
    checks = {check.name: check for check in check_features(store, run, LIMITS)}
    assert all(check.passed for check in checks.values())
    assert checks["neighbours share labels"].found == "skipped"
    assert reason in checks["neighbours share labels"].detail


def test_a_table_of_other_columns_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    written = correct_run()
    store, run = written.write(tmp_path)
    (tmp_path / run.features / "part-0.parquet").write_bytes((tmp_path / run.pca / "part-0.parquet").read_bytes())
    with pytest.raises(TableError, match=r"part-0\.parquet: expected columns path, label, etag, features, found"):
        check_features(store, run, LIMITS)
