"""Streams the Parquet files under a prefix, batch by batch: memory does not grow with the number of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verger.validation.check import ValidationError

if TYPE_CHECKING:
    import pyarrow
    from pyarrow.fs import FileSystem

ROWS_PER_BATCH = 2048


@dataclass(frozen=True)
class Store:
    """A bucket seen through pyarrow (or a folder, for a file system of files)."""

    filesystem: FileSystem
    bucket: str

    def batches(self, key: str, columns: Sequence[str]) -> Iterator[pyarrow.RecordBatch]:
        """The columns of one Parquet file, or of every Parquet file directly under a prefix that ends in '/'.

        A prefix without files has no rows. Raises ValidationError for a file that lacks a column.
        """
        import pyarrow.parquet

        for path in self._files(key):
            with self.filesystem.open_input_file(path) as source:
                file = pyarrow.parquet.ParquetFile(source)
                absent = set(columns) - set(file.schema_arrow.names)
                if absent:
                    raise ValidationError(
                        f"s3://{path}: expected columns {', '.join(columns)}, found "
                        f"{', '.join(file.schema_arrow.names)}"
                    )
                yield from file.iter_batches(ROWS_PER_BATCH, columns=list(columns))

    def strings(self, key: str, *columns: str) -> Iterator[tuple[str, ...]]:
        """Rows of text columns."""
        for batch in self.batches(key, columns):
            yield from zip(*(batch.column(name).to_pylist() for name in columns), strict=True)

    def _files(self, key: str) -> list[str]:
        from pyarrow.fs import FileSelector

        path = f"{self.bucket}/{key}"
        if not key.endswith("/"):
            return [path]
        found = self.filesystem.get_file_info(FileSelector(path, allow_not_found=True))
        return sorted(info.path for info in found if info.is_file and info.base_name.endswith(".parquet"))
