"""Workers read the rows of their splits from the inventory; errors name the file."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verger_contract.errors import VergerError
from verger_spark.features.inventory import BATCH_ROWS, Inventory, ListedPhoto, _metadata
from verger_spark.features.splits import SplitRows, Splits

PHOTOS = 2 * BATCH_ROWS + 700
LISTED = [ListedPhoto(f"images/Pomme é/{number:06}.jpg", f"etag{number}", number) for number in range(PHOTOS)]


def put(path: Path, listed: list[ListedPhoto], group: int) -> Inventory:
    columns = {name: [getattr(row, name) for row in listed] for name in ("path", "etag", "size")}
    pq.write_table(pa.table(columns), path, row_group_size=group)
    _metadata.cache_clear()  # a process of a step never reads two files of one name
    return Inventory(path.as_uri())


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    return put(tmp_path_factory.mktemp("inventory") / "work.parquet", LISTED, BATCH_ROWS + 300)


@given(st.data())
def test_exactly_the_requested_rows(inventory: Inventory, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, PHOTOS))
    stop = data.draw(st.integers(start, PHOTOS))
    stride = data.draw(st.sampled_from([1, 2, 3, 32, 5000]))
    rows = SplitRows(start, stop, stride, data.draw(st.integers(0, stride - 1)))
    assert inventory.read(rows) == LISTED[rows.start + rows.offset : stop : stride]


def test_all_splits_together_are_all_rows(inventory: Inventory) -> None:
    assert len(inventory) == PHOTOS
    splits = Splits.of(inventory.weights(), 2)
    found = [listed for number in range(len(splits)) for listed in inventory.read(splits.rows(number))]
    assert sorted(found, key=lambda listed: listed.path) == LISTED


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist, but this step needs it"),
        (b"", "expected one Parquet file with path, etag, size, found "),
        (b"PAR1 no more PAR1", "expected one Parquet file with path, etag, size, found "),
    ],
)
def test_an_error_names_the_file_that_is_not_an_inventory(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "work.parquet"
    if content is not None:
        path.write_bytes(content)
    _metadata.cache_clear()
    with pytest.raises(VergerError, match=r"work.parquet: ") as caught:
        len(Inventory(path.as_uri()))
    assert message in str(caught.value)


def test_errors_name_missing_columns_and_rows(tmp_path: Path) -> None:
    inventory = put(tmp_path / "work.parquet", LISTED[:10], 10)
    with pytest.raises(VergerError, match="expected 11 rows up to row 11, found 10"):
        inventory.read(SplitRows(0, 11))
    pq.write_table(pa.table({"path": ["a"], "size": [1]}), tmp_path / "work.parquet")
    _metadata.cache_clear()
    with pytest.raises(VergerError, match=r"work.parquet: expected one Parquet file with .*, found no column etag$"):
        len(inventory)


def test_weights_are_those_of_the_sizes_in_all_row_groups(inventory: Inventory) -> None:
    assert inventory.weights().total == PHOTOS  # all files are small
    assert inventory.weights().photos == PHOTOS
