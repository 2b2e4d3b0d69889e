"""The photos of one range of keys, on disk until the inventory is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from verger.s3.listing import Columns
from verger_contract.photos import is_ignored, may_be_ignored
from verger_contract.schemas import INVENTORY

if TYPE_CHECKING:
    import pyarrow


@dataclass
class Inventory:
    """The counts of a listing.

    Attributes
    ----------
    photos : int
        Rows of the inventory.
    bytes : int
        The size of all photos.
    ignored : int
        Objects that are no photos (see `verger_contract.photos.is_ignored`).
    """

    photos: int = 0
    bytes: int = 0
    ignored: int = 0


class ListedRange:
    """Writes the photos of a range to an Arrow file, page by page, and counts them. It is a `key_ranges.Sink`."""

    def __init__(self, path: Path, prefix: str) -> None:
        import pyarrow.ipc

        self.found = Inventory()
        self._path, self._prefix, self._schema = path, prefix, INVENTORY.arrow
        options = pyarrow.ipc.IpcWriteOptions(compression="lz4")
        self._file = pyarrow.OSFile(str(path), "wb")
        self._writer = pyarrow.ipc.new_stream(self._file, self._schema, options=options)

    def add(self, columns: Columns) -> None:
        """Take the objects of a page."""
        import pyarrow

        values = zip(columns, self._schema, strict=True)
        batch = pyarrow.RecordBatch.from_arrays(
            [pyarrow.array(column, field.type) for column, field in values], schema=self._schema
        )
        ignored = [place for place in may_be_ignored(batch["path"]) if is_ignored(columns.keys[place], self._prefix)]
        if ignored:
            places = {*ignored}
            batch = batch.filter(pyarrow.array([place not in places for place in range(batch.num_rows)]))
        self.found.ignored += len(ignored)
        self.found.photos += batch.num_rows
        self.found.bytes += sum(columns.sizes) - sum(columns.sizes[place] for place in ignored)
        self._writer.write_batch(batch)

    def close(self) -> None:
        """Complete the file."""
        self._writer.close()
        self._file.close()

    def batches(self) -> Iterator[pyarrow.RecordBatch]:
        """Yield the photos in order of keys, and delete the file."""
        import pyarrow.ipc

        with pyarrow.OSFile(str(self._path), "rb") as file, pyarrow.ipc.open_stream(file) as stream:
            yield from stream
        self._path.unlink()
