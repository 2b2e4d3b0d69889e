"""Workers read the files of feature runs."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.spark_jobs.run_folder import RunFolder, photos
from verger_contract.errors import VergerError
from verger_contract.plan import BasisPolicy, BasisRequest
from verger_contract.schemas import FEATURES_WIDTH, PCA
from verger_spark.io import storage, table_file
from verger_spark.io.feature_files import BATCH_ROWS, FETCHED_ROWS, CurrentRows, FeatureFile, FeatureFiles, matrix
from verger_spark.pca.tasks import ReadRows, unpacked


@pytest.fixture
def runs(tmp_path: Path) -> RunFolder:
    found = RunFolder(tmp_path)
    found.featurize("A", photos("Pomme é", range(2500)), files=3)
    found.featurize("B", photos("Pomme é", range(1000, 1010)))
    found.delete(photos("Pomme é", [*range(3), 299, 300, 301, 700, 2499]))
    found.write_plan(
        "plan.json", keep=(found.uri("A"),), new=found.uri("B"), basis=BasisRequest(policy=BasisPolicy.AUTO)
    )
    return found


def files_of(runs: RunFolder) -> FeatureFiles:
    return FeatureFiles.of([runs.uri("A"), f"{runs.uri('B')}/"], f"{runs.at}/deletes.parquet")


def test_only_current_rows_are_read(runs: RunFolder) -> None:
    files = files_of(runs)
    batches = list(CurrentRows(files.deletes).batches(files.files))
    found = {path: row for batch in batches for path, row in zip(batch["path"].to_pylist(), matrix(batch), strict=True)}
    current = runs.current("A", "B")
    assert len(current) == 2492
    assert sum(len(batch) for batch in batches) == len(current), "no photo twice"
    for row in current:
        np.testing.assert_array_equal(found[row["path"]], row["features"])
    assert max(len(batch) for batch in batches) <= BATCH_ROWS


def test_the_rows_of_a_request_are_one_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The footer is one more read. benchmarks.planning.requests counts requests by this rule."""
    rows = FETCHED_ROWS + 100
    vectors = [*np.random.default_rng(2).normal(size=(rows, FEATURES_WIDTH)).astype(np.float32)]
    names = [f"images/Kiwi/{row}.jpg" for row in range(rows)]
    table = table_file.features([(name, "Kiwi", storage.etag_of(name.encode())) for name in names], vectors)
    with table_file.writing(tmp_path.as_uri(), 0, table.schema) as file:
        for start in range(0, rows, table_file.GROUP_ROWS):
            file.write(table.slice(start, table_file.GROUP_ROWS))
    sizes: list[int] = []

    class Counted(io.FileIO):
        def read(self, size: int | None = -1) -> bytes:
            sizes.append(-1 if size is None else size)
            return super().read(size)

    monkeypatch.setattr(storage, "reading", lambda uri, _: Counted(uri.removeprefix("file://")))
    (found,) = FeatureFiles.of([tmp_path.as_uri()]).files
    assert sum(len(batch) for batch in CurrentRows(None).batches([found])) == rows
    assert len(sizes) == 1 + 2
    assert max(sizes) < 1.1 * 4 * FEATURES_WIDTH * FETCHED_ROWS


def test_features_pass_through_spark_as_bytes(runs: RunFolder) -> None:
    files = files_of(runs)
    task = ReadRows(SimpleNamespace(value=[files.files[:1], files.files[1:]]), CurrentRows(files.deletes))
    packed = pa.Table.from_batches(task([pa.record_batch({"id": [1, 0]})])).combine_chunks().to_batches()[0]
    rows = dict(zip(packed["path"].to_pylist(), unpacked(packed, 24), strict=True))
    for row in runs.current("A", "B"):
        np.testing.assert_array_equal(rows[row["path"]], row["features"])
    np.testing.assert_array_equal(unpacked(packed.slice(700, 9), 24), unpacked(packed, 24)[700:709])
    with pytest.raises(VergerError, match=r"images/Pomme é/é \d+\.jpg: expected 25 features, found 24"):
        unpacked(packed, 25)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"path": ["a"], "label": ["b"]}, "no column features"),
        ({"path": ["a"], "label": ["b"], "features": ["c"]}, "expected lists of 32-bit floats, found string"),
        ({"path": ["a", "z"], "label": ["b", "b"], "features": [[1.0], [1.0, 2.0]]}, "a: expected 2 features, found 1"),
        ({"path": ["a", "z"], "label": ["b", "b"], "features": [None, [1.0]]}, "a: expected 1 features, found 0"),
        ({"path": ["a"], "label": ["b"], "features": [[1.0, None]]}, "a: expected 2 features, found a number missing"),
    ],
    ids=["a column missing", "no vectors", "another width", "no features", "a number missing"],
)
def test_a_table_of_something_else_is_an_error(tmp_path: Path, table: dict[str, list[Any]], message: str) -> None:
    columns: dict[str, Any] = {name: pa.array(values) for name, values in table.items()}
    if message != "expected lists of 32-bit floats, found string" and "features" in table:
        columns["features"] = pa.array(table["features"], pa.list_(pa.float32()))
    pq.write_table(pa.table(columns), tmp_path / "part-0.parquet")
    with pytest.raises(VergerError, match=message):
        [matrix(batch) for batch in CurrentRows(None).batches(FeatureFiles.of([tmp_path.as_uri()]).files)]


def test_an_error_names_the_file_that_is_not_parquet(tmp_path: Path) -> None:
    (tmp_path / "part-0.parquet").write_text("text")
    with pytest.raises(VergerError, match=r"part-0.parquet: expected Parquet with path, label, features, found "):
        list(CurrentRows(None).batches(FeatureFiles.of([tmp_path.as_uri()]).files))


def test_the_files_of_a_folder_are_those_that_spark_reads(tmp_path: Path) -> None:
    for name in ("_SUCCESS", ".part-0.parquet.crc", "part-1.parquet", "part-0.parquet", "empty.parquet"):
        (tmp_path / name).write_bytes(b"" if name == "empty.parquet" else b"1")
    (tmp_path / "_temporary").mkdir()
    found = FeatureFiles.of([tmp_path.as_uri()]).files
    assert [Path(file.uri).name for file in found] == ["part-0.parquet", "part-1.parquet"]
    assert FeatureFiles.of([(tmp_path / "none").as_uri()]).files == ()


@pytest.mark.parametrize("cores", [1, 2, 400])
def test_groups_hold_every_file_once_and_keep_cores_busy(cores: int) -> None:
    sizes = [21_000_000] * 50 + [300_000] * 300 + [90_000_000]
    files = tuple(FeatureFile(f"file:///{number}", "A", size) for number, size in enumerate(sizes))
    groups = FeatureFiles(files).groups(cores)
    assert sorted(file.uri for group in groups for file in group) == sorted(file.uri for file in files)
    largest = [sum(file.size for file in group) for group in groups]
    assert largest == sorted(largest, reverse=True)
    most = min(32_000_000, sum(sizes) / (4 * cores))
    assert all(size <= most or len(group) == 1 for size, group in zip(largest, groups, strict=True))
    assert FeatureFiles(files).groups(cores) == groups, "a task that runs again must replace its own file"


def test_without_files_there_are_no_groups() -> None:
    assert FeatureFiles(()).groups(2) == []


def test_a_file_whose_writing_fails_does_not_appear(tmp_path: Path) -> None:
    rows = PCA.arrow.empty_table()

    def fail() -> None:
        with table_file.writing(tmp_path.as_uri(), 3, PCA.arrow) as file:
            file.write(rows)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not list(tmp_path.glob("*.parquet"))
    table_file.write(tmp_path.as_uri(), 3, rows)
    assert pq.read_table(tmp_path / "part-00003.parquet").schema.equals(PCA.arrow)


def test_files_of_an_earlier_attempt_are_deleted_when_a_folder_is_complete(tmp_path: Path) -> None:
    files = [table_file.write(tmp_path.as_uri(), number, PCA.arrow.empty_table()) for number in range(4)]
    table_file.mark_complete(tmp_path.as_uri(), files[:2])
    names = ["_SUCCESS", "_files.json", "part-00000.parquet", "part-00001.parquet"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert table_file.file_list(tmp_path.as_uri()) == tuple(files[:2])
    assert table_file.is_whole(tmp_path.as_uri())
    for file in files[:2]:
        content = (tmp_path / file.name).read_bytes()
        assert (file.bytes, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("damage", ["removed", "cut"])
def test_a_file_that_is_lost_before_the_folder_is_complete_is_an_error(tmp_path: Path, damage: str) -> None:
    files = [table_file.write(tmp_path.as_uri(), number, PCA.arrow.empty_table()) for number in range(2)]
    path = tmp_path / files[1].name
    path.write_bytes(path.read_bytes()[:-1]) if damage == "cut" else path.unlink()
    with pytest.raises(VergerError, match=r"part-00001\.parquet.*clear the task that submitted this step"):
        table_file.mark_complete(tmp_path.as_uri(), files)
    assert not (tmp_path / "_SUCCESS").exists()


def test_only_listed_files_are_read_and_each_must_be_there(tmp_path: Path) -> None:
    files = [table_file.write(tmp_path.as_uri(), number, PCA.arrow.empty_table()) for number in range(2)]
    table_file.mark_complete(tmp_path.as_uri(), files)
    table_file.write(tmp_path.as_uri(), 7, PCA.arrow.empty_table())
    assert [Path(file.uri).name for file in FeatureFiles.of([tmp_path.as_uri()]).files] == [file.name for file in files]
    assert table_file.is_whole(tmp_path.as_uri()), "a file that is not listed is no part of the table"
    (tmp_path / files[0].name).unlink()
    assert not table_file.is_whole(tmp_path.as_uri())
    with pytest.raises(VergerError, match=rf"{files[0].name}: expected the [0-9,]+ bytes .* found no such file"):
        FeatureFiles.of([tmp_path.as_uri()])
