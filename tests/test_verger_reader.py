"""The reader over a folder: tables, batches, earlier publications, errors, and its agreement with the contract."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy
import pyarrow
import pyarrow.parquet
import pytest
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

import verger_reader
from tests.places import ROOT
from tests.written_publication import ATTEMPT, WIDTH, K, WrittenBucket, orchard, photo
from verger.publication import model
from verger_contract import keys, pca_model, schemas
from verger_contract.metrics import FILE_LIST, ListedFile, list_document
from verger_reader import Publication, PublicationError, matrix, open_publication


@pytest.fixture
def bucket(tmp_path: Path) -> WrittenBucket:
    return orchard(tmp_path / "a folder")


def test_features_have_exactly_one_row_for_each_current_photo(bucket: WrittenBucket) -> None:
    features = open_publication(bucket.root).features()
    assert features.schema == verger_reader.SCHEMAS["features"]
    assert sorted(features["path"].to_pylist()) == sorted(bucket.current)
    for row in features.to_pylist():
        expected = bucket.current[row["path"]]
        assert (row["label"], row["etag"]) == (expected["label"], expected["etag"])
        assert row["features"] == expected["features"].tolist()


def test_coordinates_are_the_projected_features(bucket: WrittenBucket) -> None:
    published = open_publication(bucket.root)
    features, pca, basis = published.features().sort_by("path"), published.pca().sort_by("path"), published.basis()
    assert pca.schema.names == ["path", "label", "pca_features"]
    assert pca["path"] == features["path"]
    assert (basis.components.shape, basis.explained_variance_ratio.tolist()[:2]) == ((WIDTH, K), [0.5, 0.25])
    assert basis.components.dtype == matrix(pca["pca_features"]).dtype == numpy.float64
    numpy.testing.assert_array_equal(basis.components, bucket.components)
    numpy.testing.assert_allclose(basis.project(matrix(features["features"])), matrix(pca["pca_features"]))


def test_the_tables_of_an_earlier_verger_are_read(tmp_path: Path) -> None:
    bucket = orchard(tmp_path, WrittenBucket(tmp_path, version=3))
    published = open_publication(bucket.root)
    assert published.pca().schema == verger_reader.SCHEMAS["pca"].remove(2)
    assert_current(published, bucket)
    # The first run of this version writes all coordinates again. The earlier publications stay in the history.
    bucket.version = 4
    bucket.publish("upgraded", [], [("images/柿/2.jpg", "007")], project=["007", "2026-01-02"])
    assert_current(open_publication(bucket.root), bucket)
    earlier = open_publication(bucket.root, run="2026-01-02")
    assert earlier.facts["pca"] == [{"run": "2026-01-02", "rows": 6, "features": None, "stale_since": None}]
    assert earlier.pca() == published.pca()
    assert earlier.labels() == published.labels() == {"Poire à cuire": 4, "柿": 2}


def test_coordinates_that_were_written_again_are_read_once(bucket: WrittenBucket) -> None:
    removed = [("images/柿/2.jpg", "007"), ("images/柿/new.jpg", "2026-01-02")]
    bucket.publish("again", [photo("images/柿/3.jpg", "third", numpy.ones(WIDTH))], removed, project=["007"])
    published = open_publication(bucket.root)
    assert [table["features"] for table in published.facts["pca"]] == [["2026-01-02"], ["007", "again"]]
    assert_current(published, bucket)
    assert_current(open_publication(bucket.root, run="2026-01-02"), orchard(bucket.folder.parent / "as it was"))


def assert_current(published: Publication, bucket: WrittenBucket) -> None:
    """Compare the coordinates and the labels with the current rows."""
    found = {row["path"]: row for row in published.pca().to_pylist()}
    assert found.keys() == bucket.current.keys()
    for path, row in bucket.current.items():
        assert found[path]["label"] == row["label"]
        numpy.testing.assert_allclose(found[path]["pca_features"], row["features"].astype(float) @ bucket.components)
    assert published.labels() == dict(sorted(Counter(row["label"] for row in bucket.current.values()).items()))


def test_labels_are_read_from_their_sums_without_the_tables(bucket: WrittenBucket) -> None:
    shutil.rmtree(bucket.folder / "pca")
    published = open_publication(bucket.root)
    assert published.labels() == {"Poire à cuire": 4, "柿": 2}
    shutil.rmtree(bucket.folder / keys.Run("", "2026-01-02", pca_attempt=ATTEMPT).statistics)
    with pytest.raises(PublicationError, match=r"labels\.parquet: no such file; .*open the publication again"):
        published.labels()


def test_suspects_are_a_table_with_the_columns_of_the_contract(bucket: WrittenBucket) -> None:
    found, kinds = open_publication(bucket.root).suspects(), [schemas.SuspectKind.NEAR_DUPLICATE]
    assert (found.schema, found["kind"].to_pylist()) == (schemas.SUSPECTS.arrow, kinds)


def test_facts_of_the_publication(bucket: WrittenBucket) -> None:
    published = open_publication(f"{bucket.root}/")
    assert (published.run, published.photos, published.k) == ("2026-01-02", 6, K)
    assert published.facts["basis"] == "007"
    assert "history" not in published.facts


def test_pandas_has_the_same_rows(bucket: WrittenBucket) -> None:
    published = open_publication(bucket.root)
    frame = published.to_pandas("pca")
    assert list(frame.columns) == ["path", "label", "pca_features"]
    numpy.testing.assert_array_equal(
        numpy.stack(frame["pca_features"].tolist()), matrix(published.pca()["pca_features"])
    )


def test_batches_have_a_maximum_size(bucket: WrittenBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verger_reader, "ROWS_PER_BATCH", 2)
    published = open_publication(bucket.root)
    assert all(batch.num_rows <= 2 for batch in published.batches("pca"))
    assert pyarrow.Table.from_batches(published.batches("pca")) == published.pca()
    assert pyarrow.Table.from_batches(published.batches("features")) == published.features()


def test_an_open_publication_does_not_change(bucket: WrittenBucket) -> None:
    published, paths = open_publication(bucket.root), sorted(bucket.current)
    bucket.publish("later", [], [(path, run) for run in ("007", "2026-01-02") for path in paths[:3]])
    assert sorted(published.features()["path"].to_pylist()) == paths
    assert sorted(open_publication(bucket.root).features()["path"].to_pylist()) == paths[3:]


def test_an_earlier_publication_is_found_by_its_run(bucket: WrittenBucket) -> None:
    earlier = open_publication(bucket.root, run="007")
    assert set(earlier.features()["etag"].to_pylist()) == {"first"}
    assert earlier.photos == earlier.pca().num_rows == 6
    assert open_publication(bucket.root, run="2026-01-02").facts == open_publication(bucket.root).facts


def test_a_given_filesystem_is_used(bucket: WrittenBucket) -> None:
    elsewhere = SubTreeFileSystem(str(bucket.folder.parent), LocalFileSystem())
    assert open_publication("s3://a folder", filesystem=elsewhere).pca().num_rows == 6


def test_an_unpublished_state_is_empty_with_the_same_columns(bucket: WrittenBucket) -> None:
    bucket.unpublish()
    published = open_publication(bucket.root)
    assert (published.run, published.photos, published.k) == (None, 0, 0)
    assert published.features().schema == verger_reader.SCHEMAS["features"]
    assert published.pca().num_rows == len(published.to_pandas("features")) == 0
    assert matrix(published.pca()["pca_features"]).shape == (0, 0)
    with pytest.raises(PublicationError, match="everything was unpublished: there is no basis"):
        published.basis()
    assert open_publication(bucket.root, run="007").features().num_rows == 6


def test_nothing_published_yet(tmp_path: Path) -> None:
    with pytest.raises(PublicationError, match=r"published\.json: does not exist: nothing is published yet"):
        open_publication(tmp_path.as_uri())


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"version": 5}', "expected version 3 or 4, found 5: use the verger_reader.py of its writer"),
        ("[]", "published.json: damaged"),
        ('{"version": 3, "ru', "published.json: damaged .JSONDecodeError"),
        ('{"version": 4, "run": "a"}', "published.json: damaged .KeyError: .*'basis', 'features'"),
    ],
)
def test_another_published_json_is_an_error(body: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "published.json").write_text(body)
    with pytest.raises(PublicationError, match=message):
        open_publication(tmp_path.as_uri())


def test_the_error_for_an_unknown_run_lists_the_known_ones(bucket: WrittenBucket) -> None:
    bucket.unpublish()
    with pytest.raises(PublicationError, match=r"expected run unknown in it or its history, found: 2026-01-02, 007$"):
        open_publication(bucket.root, run="unknown")


@pytest.mark.parametrize("root", ["orchard", "/orchard", "gs://orchard", "s3://", "bundle.zip"])
def test_a_root_that_is_not_such_a_uri_is_an_error(root: str) -> None:
    with pytest.raises(ValueError, match="expected s3://bucket, file:///folder or file:///bundle"):
        open_publication(root)


def test_an_unknown_table_is_an_error(bucket: WrittenBucket) -> None:
    with pytest.raises(ValueError, match="rejects: expected one of features, pca"):
        open_publication(bucket.root).to_pandas("rejects")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("removed", "found"),
    [
        ("features/run=007", "features/run=007: no such folder"),
        ("features/run=007/part-1.parquet", "features: run 2026-01-02 published 6 rows, found 4"),
        ("runs/2026-01-02/deletes.parquet", r"deletes\.parquet: no such file"),
        (f"pca/run=2026-01-02~{ATTEMPT}", f"pca/run=2026-01-02~{ATTEMPT}: no such folder"),
        (f"pca/run=007~{ATTEMPT}/part-0.parquet", "pca: run 2026-01-02 published 6 rows, found 2"),
        ("models/pca/run=007/data/part-0.parquet", "data: expected the row of Spark's PCAModel, found none"),
    ],
)
def test_missing_data_are_an_error(removed: str, found: str, bucket: WrittenBucket) -> None:
    published = open_publication(bucket.root)
    path = bucket.folder / removed
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    read = {"f": published.features, "r": published.features, "p": published.pca, "m": published.basis}[removed[0]]
    with pytest.raises(PublicationError, match=f"{found}; .*open the publication again"):
        read()


@pytest.mark.parametrize("damage", ["removed", "cut"])
@pytest.mark.parametrize("table", ["features", "pca"])
def test_a_lost_file_is_named_and_a_file_that_is_not_listed_is_not_read(
    bucket: WrittenBucket, table: str, damage: str
) -> None:
    run = "007" if table == "features" else f"2026-01-02~{ATTEMPT}"
    folder = bucket.folder / table / f"run={run}"
    files = sorted(folder.glob("*.parquet"))
    listed = [ListedFile(path.name, 0, path.stat().st_size, "") for path in files]
    (folder / FILE_LIST).write_text(json.dumps(list_document(listed)))
    shutil.copy(files[0], folder / "part-9.parquet")
    published = open_publication(bucket.root)
    read = published.features if table == "features" else published.pca
    assert read().num_rows == 6
    content = files[-1].read_bytes()
    files[-1].unlink()
    if damage == "cut":
        files[-1].write_bytes(content[:-1])
    with pytest.raises(PublicationError, match=f"{table}/run={run}/{files[-1].name}: lost or damaged; the next run"):
        read()


def test_a_file_that_is_deleted_between_batches_is_an_error(
    bucket: WrittenBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verger_reader, "ROWS_PER_BATCH", 1)
    batches = open_publication(bucket.root).batches("features")
    next(batches)
    shutil.rmtree(bucket.folder / "features/run=2026-01-02")
    with pytest.raises(PublicationError, match="open the publication again"):
        list(batches)


def test_a_document_that_is_replaced_during_the_read_is_read_again(bucket: WrittenBucket) -> None:
    complete = (bucket.folder / "published.json").read_bytes()

    class Replaced(LocalFileSystem):  # type: ignore[misc]
        """Returns only the beginning for the first read."""

        bodies = iter((complete[:300], complete))

        def open_input_stream(self, *_: object, **__: object) -> pyarrow.BufferReader:
            return pyarrow.BufferReader(next(self.bodies))

    assert open_publication(bucket.root, filesystem=Replaced()).facts == open_publication(bucket.root).facts
    assert json.loads(complete)["run"] == "2026-01-02"


WITHOUT_THE_REST = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("pandas", "pyspark", "boto3", "verger", "verger_contract"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import verger_reader
print(verger_reader.open_publication(sys.argv[1]).features().num_rows)
"""


def test_only_pyarrow_and_numpy_are_needed(bucket: WrittenBucket) -> None:
    command = [sys.executable, "-c", WITHOUT_THE_REST, bucket.root]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("6", "")


def test_names_and_schemas_are_those_of_the_contract() -> None:
    tables = {"features": schemas.FEATURES, "pca": schemas.PCA, "deletes": schemas.DELETES}
    assert {name: table.ddl for name, table in tables.items()} == verger_reader.SPARK_SCHEMAS
    assert {name: table.arrow for name, table in tables.items()} == verger_reader.SCHEMAS
    assert verger_reader.VERSIONS == model.READ_VERSIONS
    run = keys.Run("bucket", "A", pca_attempt="0")
    of_attempt = [key.format("A", "0") for key in (verger_reader.LABEL_SUMS, verger_reader.SUSPECTS)]
    assert of_attempt == [f"{run.statistics}labels.parquet", f"{run.suspects}{keys.SUSPECTS_FILE}"]
    assert verger_reader.DELETES.format("A") == run.deletes


@pytest.mark.parametrize("transposed", [False, True])
def test_a_pca_model_is_decoded_as_by_the_contract(bucket: WrittenBucket, transposed: bool) -> None:
    file = bucket.folder / keys.Run("", "007").basis / "data" / "part-0.parquet"
    row = pyarrow.parquet.read_table(file).to_pylist()[0]
    row["pc"]["isTransposed"] = transposed
    table = pyarrow.Table.from_pylist([row])
    pyarrow.parquet.write_table(table, file)
    basis = open_publication(bucket.root).basis()
    numpy.testing.assert_array_equal(basis.components, pca_model.components(table[pca_model.COMPONENTS][0]))
    ratio = pca_model.explained_variance_ratio(table[pca_model.EXPLAINED_VARIANCE_RATIO][0])
    numpy.testing.assert_array_equal(basis.explained_variance_ratio, ratio)
