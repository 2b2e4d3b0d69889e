"""The files of the written tables: their lists, their content, and streams of their rows."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from verger_contract.errors import VergerError, one_line
from verger_contract.metrics import FILE_LIST, ListedFile, parse_list
from verger_contract.verification.check import Check, files_check
from verger_spark.io import storage
from verger_spark.io.location import Location, name_of

BATCH_ROWS = 2048
"""Rows of a batch: 10 MB of features."""

EXPECTED_LIST = "a file list, which the step writes at its end"
MOST_PROBLEMS = 10


class UnreadableFile(Exception):
    """A file of a table is no Parquet, lacks a column, or is damaged."""


@dataclass(frozen=True)
class File:
    """A file of a table. The optional attributes are those of the file list; None when it has none.

    Attributes
    ----------
    uri : str
    size : int
        In bytes.
    rows : int
    sha256, etag : str or None
    first, last : str or None
        The smallest and the largest path of its rows.
    """

    uri: str
    size: int
    rows: int
    sha256: str | None = None
    etag: str | None = None
    first: str | None = None
    last: str | None = None


@dataclass(frozen=True)
class Table:
    """The files of a table, by its file list.

    Attributes
    ----------
    uri : str
        Ends in a slash.
    files : tuple of File
        Those that exist. Without a file list, which an earlier Verger did not write: all Parquet files.
    list_sha256 : str or None
        Of the file list; None without one.
    listed : int
        Files in the list.
    problems : mapping of str to str
        How the stored files differ from the list, by file name.
    unproven : tuple of File
        Files whose ETag is not that of the list, where that is no problem: the copy of a bucket has other ETags.
    added : tuple of str
        Names of Parquet files that the list does not have. No reader reads them.
    """

    uri: str
    files: tuple[File, ...]
    list_sha256: str | None = None
    listed: int = 0
    problems: dict[str, str] = field(default_factory=dict)
    unproven: tuple[File, ...] = ()
    added: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows by the file list."""
        return sum(file.rows for file in self.files)

    def contents(self, found: Mapping[str, str]) -> dict[str, str]:
        """Return those problems of contents that are about files of this table, by file name. `found` is by URI."""
        own = {file.uri for file in self.files}
        return {name_in(uri): problem for uri, problem in found.items() if uri in own}

    def check(self, found: Mapping[str, str]) -> Check:
        """Return the check of the files. `found` has the problems of contents, by URI."""
        problems = self.problems | self.contents(found)
        added = dict.fromkeys(self.added, "not in the file list, so it is not read")
        detail = "; ".join(f"{name}: {problem}" for name, problem in [*(problems | added).items()][:MOST_PROBLEMS])
        files = "1 file" if self.listed == 1 else f"{self.listed:,} files"
        expected = EXPECTED_LIST if FILE_LIST in self.problems else f"the {files} of the list"
        result = f"{len(problems):,} differences" if problems else "the same"
        return Check(files_check(Location.parse(self.uri).key), not problems, expected, result, detail)


def table(uri: str, *, is_own: bool = True) -> Table:
    """Return the files of a table as its file list and its folder show them.

    Parameters
    ----------
    uri : str
    is_own : bool
        The run wrote the table: it must have a file list, and the ETags of the list. An earlier Verger wrote no list.
    """
    at = f"{uri.rstrip('/')}/"
    stored = {name_in(file.uri): file for file in storage.files(at)}
    parquet = {name: file for name, file in stored.items() if name.endswith(".parquet")}
    if FILE_LIST not in stored:
        problems = {FILE_LIST: "no such file"} if is_own or not parquet else {}
        return Table(at, tuple(File(file.uri, file.size, 0) for file in parquet.values()), problems=problems)
    content = storage.read(f"{at}{FILE_LIST}")
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        listed = parse_list(json.loads(content))
    except (ValueError, KeyError, TypeError) as error:
        return Table(at, (), sha256, problems={FILE_LIST: f"no file list ({type(error).__name__}: {error})"})
    files, unproven, problems = [], [], {}
    for entry in sorted(listed, key=lambda entry: entry.name):
        found = stored.get(entry.name)
        if found:
            proof = (entry.sha256, found.etag, entry.first, entry.last)
            files.append(File(found.uri, found.size, entry.rows, *proof))
        if problem := _difference(entry, found, etags=is_own):
            problems[entry.name] = problem
        elif found and found.etag != entry.etag:
            unproven.append(files[-1])
    added = tuple(sorted(parquet.keys() - {entry.name for entry in listed}))
    return Table(at, tuple(files), sha256, len(listed), problems, tuple(unproven), added)


def _difference(listed: ListedFile, found: storage.StoredFile | None, *, etags: bool) -> str:
    if found is None:
        return "no such file"
    if listed.bytes != found.size:
        return f"expected {listed.bytes:,} bytes, found {found.size:,}"
    if etags and listed.etag and found.etag and listed.etag != found.etag:
        return f"expected the ETag {listed.etag}, found {found.etag}"
    return ""


def name_in(uri: str) -> str:
    """Return the name of a file. The path of a file URI is unescaped (%20)."""
    return name_of(Location.parse(uri).key)


def content(file: File) -> tuple[bytes, str]:
    """Return the content of a file, and how it differs from its entry in the file list; empty if it does not."""
    found = storage.read(file.uri)
    sha256 = hashlib.sha256(found).hexdigest()
    if file.sha256 and sha256 != file.sha256:
        return found, f"expected the SHA-256 {file.sha256}, found {sha256}"
    return found, ""


def batches(
    source: pq.ParquetFile, columns: Sequence[str], groups: Iterable[int] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield columns of row groups in batches. Only the bytes of one row group are in memory.

    Raises
    ------
    UnreadableFile
        The file has no such column, or is damaged.
    """
    absent = {*columns} - {*source.schema_arrow.names}
    if absent:
        raise UnreadableFile(f"expected columns {', '.join(columns)}, found {', '.join(source.schema_arrow.names)}")
    with readable():
        for group in range(source.num_row_groups) if groups is None else groups:
            for batch in source.iter_batches(BATCH_ROWS, [group], [*columns], use_threads=False):
                yield batch.select([*columns])


@contextmanager
def readable() -> Iterator[None]:
    """Raise UnreadableFile for what pyarrow cannot read. Errors of S3 pass: a later try may succeed."""
    try:
        yield
    except VergerError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFile(f"no Parquet, or damaged ({one_line(error)})") from None


@contextmanager
def opened(uri: str) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file for reads of parts of it."""
    with storage.reading(uri) as source, readable():
        yield pq.ParquetFile(source)


def stream(files: Iterable[File], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield columns of all rows of files, one file after the other. A file that cannot be read has no rows."""
    for file in files:
        try:
            with opened(file.uri) as source:
                yield from batches(source, columns)
        except UnreadableFile:  # the check of the files names it
            continue


def rows_of(source: pq.ParquetFile, columns: Sequence[str], paths: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield columns of the rows whose path is one of some sorted paths.

    Only row groups are read that may have such a path, by the smallest and largest path in the footer.
    """
    with readable():
        for group in range(source.num_row_groups):
            wanted = pa.array(between(paths, *_ends(source.metadata.row_group(group))), pa.string())
            if len(wanted):
                here = source.read_row_group(group, ["path"], use_threads=False)["path"]
                if pc.any(pc.is_in(here, value_set=wanted)).as_py():
                    rows = source.read_row_group(group, [*columns], use_threads=False).select([*columns])
                    yield from rows.filter(pc.is_in(rows["path"], value_set=wanted)).combine_chunks().to_batches()


def _ends(group: pq.RowGroupMetaData) -> tuple[str | None, str | None]:
    """Return the smallest and the largest path of a row group; None where the footer has no statistics."""
    columns = (group.column(number) for number in range(group.num_columns))
    path = next((column for column in columns if column.path_in_schema == "path"), None)
    if path is None or path.statistics is None or not path.statistics.has_min_max:
        return None, None
    return path.statistics.min, path.statistics.max


def between(paths: Sequence[str], first: str | None, last: str | None) -> Sequence[str]:
    """Return those of the sorted paths that lie between two paths; all of them when the two are not known."""
    if first is None or last is None:
        return paths
    return paths[bisect_left(paths, first) : bisect_right(paths, last)]
