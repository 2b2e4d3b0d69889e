"""Reads what Verger published: features, coordinates and PCA basis as Arrow, pandas, numpy or Spark.

    import verger_reader

    published = verger_reader.open_publication("s3://my-bucket")
    vectors = published.pca()                    # pyarrow.Table: path, label, pca_features
    frame = published.to_pandas("features")      # pandas.DataFrame: path, label, etag, features

This file needs pyarrow and numpy, and pandas or pyspark only for the methods that return their types. It needs no other
file of Verger: copy it to your project. It reads `published.json`, the only object that Verger replaces, once for each
publication. The tables of a publication therefore fit together, even if another run publishes in the meantime. Replaced
data are deleted after some time. Open the publication again when the reader reports missing files.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote

import numpy
import pyarrow
import pyarrow.dataset
import pyarrow.parquet
from numpy.typing import NDArray
from pyarrow.fs import FileSelector, FileSystem, LocalFileSystem, S3FileSystem, resolve_s3_region

if TYPE_CHECKING:
    import pandas
    from pyspark.sql import DataFrame, SparkSession

VERSION = 3  # of published.json
ROWS_PER_BATCH = 2048  # 10 MB of features
DELETES = "runs/{}/deletes.parquet"  # key of the table of deleted rows, by run

TableName = Literal["features", "pca"]

SPARK_SCHEMAS: Mapping[str, str] = {
    "features": "path string, label string, etag string, features array<float>",
    "pca": "path string, label string, pca_features array<double>",
    "deletes": "path string, run string",
}

_TYPES = {
    "string": pyarrow.string(),
    "array<float>": pyarrow.list_(pyarrow.float32()),
    "array<double>": pyarrow.list_(pyarrow.float64()),
}

SCHEMAS: Mapping[str, pyarrow.Schema] = {
    table: pyarrow.schema([(name, _TYPES[kind]) for name, kind in (column.split() for column in schema.split(", "))])
    for table, schema in SPARK_SCHEMAS.items()
}


class PublicationError(Exception):
    """The data are not published, or no longer there. The message names the remedy."""


@dataclass(frozen=True)
class Basis:
    """`components`: float64 (1280, k), one component a column; `explained_variance_ratio`: float64 (k,)."""

    components: NDArray[numpy.float64]
    explained_variance_ratio: NDArray[numpy.float64]

    def project(self, features: NDArray[Any]) -> NDArray[numpy.float64]:
        """Return the coordinates (rows, k) of features (rows, 1280), also of photos that are not published."""
        return numpy.asarray(features, dtype=numpy.float64) @ self.components


def matrix(vectors: pyarrow.ChunkedArray) -> NDArray[Any]:
    """Return the column `features` or `pca_features` as an array (rows, width), float32 or float64 as the column.

    For a column without rows the width is 0.
    """
    if not len(vectors):
        return numpy.empty((0, 0), dtype=vectors.type.value_type.to_pandas_dtype())
    flat = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in vectors.chunks]
    return numpy.concatenate(flat).reshape(len(vectors), -1)


def open_publication(root: str, run: str | None = None, filesystem: FileSystem | None = None) -> Publication:
    """Open the current publication of a bucket, or an earlier one.

    Parameters
    ----------
    root : str
        `s3://bucket`, or `file:///folder` for a copy of a bucket.
    run : str, optional
        Id of the run that published the earlier publication. It must be in the history of published.json.
    filesystem : pyarrow.fs.FileSystem, optional
        By default endpoint (AWS_ENDPOINT_URL_S3), region and credentials are found as in other AWS clients.

    Raises
    ------
    PublicationError
        Nothing is published, the run is not in the history, or published.json has another version.
    ValueError
        The root is not such a URI.
    """
    location = _location(root.rstrip("/"), filesystem)
    document = _read_document(location)
    publications = [document, *document.pop("history", [])]
    for facts in publications:
        if run in (None, facts["run"]):
            return Publication(location, facts)
    found = ", ".join(facts["run"] for facts in publications if facts["run"]) or "none"
    raise PublicationError(f"{location.root}/published.json: expected run {run} in it or its history, found: {found}")


@dataclass(frozen=True)
class Location:
    """A bucket or folder: `root` is its URI, `path` its path in `filesystem`."""

    root: str
    filesystem: FileSystem
    path: str

    def parquet_files(self, folder: str) -> list[str]:
        """Return the paths of the Parquet files in a folder by name, or raise PublicationError if it is missing."""
        try:
            found = self.filesystem.get_file_info(FileSelector(f"{self.path}/{folder}"))
        except FileNotFoundError as error:
            raise self.missing(folder, "no such folder") from error
        return sorted(info.path for info in found if info.is_file and info.base_name.endswith(".parquet"))

    def batches(self, folder: str, schema: pyarrow.Schema, deletes: Any) -> Iterator[pyarrow.RecordBatch]:
        """Yield the rows of a folder without `deletes`, an array of paths or None. Errors as `parquet_files`."""
        files = self.parquet_files(folder)
        rows = pyarrow.dataset.dataset(files, schema, format="parquet", filesystem=self.filesystem)
        current = None if deletes is None else ~pyarrow.dataset.field("path").isin(deletes)
        try:
            # A row has 5 kB: with the defaults of both readaheads, pyarrow would hold gigabytes.
            yield from rows.to_batches(
                filter=current, batch_size=ROWS_PER_BATCH, batch_readahead=4, fragment_readahead=2
            )
        except FileNotFoundError as error:
            raise self.missing(folder, str(error)) from error

    def table(self, key: str, schema: pyarrow.Schema | None = None) -> pyarrow.Table:
        """Return a small Parquet file, or raise PublicationError if it is missing."""
        try:
            with self.filesystem.open_input_file(f"{self.path}/{key}") as source:
                return pyarrow.parquet.read_table(source, schema=schema)
        except FileNotFoundError as error:
            raise self.missing(key, "no such file") from error

    def uri(self, key: str) -> str:
        """Return the URI of a key for Spark. Hadoop does not unescape file URIs (%20)."""
        return f"{unquote(self.root) if self.root.startswith('file:') else self.root}/{key}"

    def missing(self, key: str, found: str) -> PublicationError:
        """Return the error for missing data."""
        return PublicationError(
            f"{self.root}/{key}: {found}; replaced data are deleted after some time (or this copy is incomplete): "
            "open the publication again"
        )


@dataclass(frozen=True)
class Publication:
    """One published state of the data, which does not change. `facts` are its members in published.json."""

    location: Location
    facts: Mapping[str, Any]

    @property
    def run(self) -> str | None:
        """Id of the run that published it; None if everything was unpublished."""
        return self.facts["run"]  # type: ignore[no-any-return]

    @property
    def photos(self) -> int:
        """Number of rows of each table."""
        return int(self.facts["photos"])

    @property
    def k(self) -> int:
        """Width of pca_features; 0 if everything was unpublished."""
        return int(self.facts["k"] or 0)

    def features(self) -> pyarrow.Table:
        """Return path, label, etag and features (float32, 1280 wide), one row for each photo. Errors as `batches`."""
        return self._table("features")

    def pca(self) -> pyarrow.Table:
        """Return path, label and pca_features (float64, k wide), one row for each photo. Errors as `batches`."""
        return self._table("pca")

    def batches(self, name: TableName) -> Iterator[pyarrow.RecordBatch]:
        """Yield the rows of a table in batches of at most ROWS_PER_BATCH, for tables that do not fit into memory.

        Missing data raise PublicationError. A wrong number of rows raises it after the last batch.
        """
        rows, schema, folders = 0, _schema(name), self._folders(name)
        deletes = self._deletes() if name == "features" and folders else {}
        for run, folder in folders.items():
            for batch in self.location.batches(folder, schema, deletes.get(run)):
                rows += batch.num_rows
                yield batch
        if rows != self.photos:
            raise self.location.missing(name, f"run {self.run} published {self.photos} rows, found {rows}")

    def to_pandas(self, name: TableName) -> pandas.DataFrame:
        """Return a table as a pandas DataFrame, whose cells hold vectors as numpy arrays. Errors as `batches`."""
        return self._table(name).to_pandas()

    def to_spark(self, spark: SparkSession, name: TableName) -> DataFrame:
        """Return a table as a lazy DataFrame. Spark reads it with its own access to the root. Errors as `batches`."""
        from pyspark.sql import functions as F

        _schema(name)  # raises ValueError for another name
        columns, folders = SPARK_SCHEMAS[name], list(self._folders(name).values())
        if not folders:
            return spark.createDataFrame([], columns)
        for folder in folders:
            self.location.parquet_files(folder)
        # With basePath the folder name run=<id> becomes a column. Without a type, Spark reads run 007 as the number 7.
        reader = spark.read.schema(f"{columns}, run string").option("basePath", self.location.uri(name))
        rows = reader.parquet(*map(self.location.uri, folders))
        if name == "features":
            deletes = spark.read.schema(SPARK_SCHEMAS["deletes"]).parquet(self.location.uri(DELETES.format(self.run)))
            rows = rows.join(F.broadcast(deletes), ["path", "run"], "left_anti")
        return rows.drop("run")

    def basis(self) -> Basis:
        """Return the basis of the coordinates, or raise PublicationError if there is none."""
        if self.facts["basis"] is None:
            raise PublicationError(f"{self.location.root}: everything was unpublished: there is no basis")
        folder = f"models/pca/run={self.facts['basis']}/data"
        for file in self.location.parquet_files(folder):
            for row in self.location.table(file.removeprefix(f"{self.location.path}/")).to_pylist():
                stored, ratio = row["pc"], numpy.array(row["explainedVariance"]["values"], dtype=numpy.float64)
                # MLlib stores a matrix by columns, with isTransposed by rows.
                order: Literal["C", "F"] = "C" if stored["isTransposed"] else "F"
                values = numpy.array(stored["values"], dtype=numpy.float64)
                return Basis(values.reshape((stored["numRows"], stored["numCols"]), order=order), ratio)
        raise self.location.missing(folder, "expected the row of Spark's PCAModel, found none")

    def _table(self, name: TableName) -> pyarrow.Table:
        return pyarrow.Table.from_batches(self.batches(name), _schema(name))

    def _folders(self, name: TableName) -> dict[str, str]:
        """Return the folders of a table by run."""
        runs = [entry["run"] for entry in self.facts["features"]] if name == "features" else [self.facts["pca"]]
        return {run: f"{name}/run={run}" for run in runs if run}

    def _deletes(self) -> dict[str, pyarrow.Array]:
        """Return the deleted paths by feature run."""
        table = self.location.table(DELETES.format(self.run), SCHEMAS["deletes"])
        by_run = table.group_by("run").aggregate([("path", "list")])
        return {run.as_py(): paths.values for run, paths in zip(by_run["run"], by_run["path_list"], strict=True)}


def _schema(name: TableName) -> pyarrow.Schema:
    if name not in ("features", "pca"):
        raise ValueError(f"{name}: expected one of features, pca")
    return SCHEMAS[name]


def _location(root: str, filesystem: FileSystem | None) -> Location:
    scheme, separator, path = root.partition("://")
    if scheme == "file" and separator:
        return Location(root, filesystem or LocalFileSystem(), unquote(path))
    if scheme in ("s3", "s3a") and path:
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if not (region or endpoint or filesystem):
            region = resolve_s3_region(path.partition("/")[0])
        return Location(root, filesystem or S3FileSystem(region=region, endpoint_override=endpoint), path)
    raise ValueError(f"{root}: expected s3://bucket or file:///folder")


def _read_document(location: Location) -> dict[str, Any]:
    at = f"{location.root}/published.json"
    try:
        document = _read_json(location.filesystem, f"{location.path}/published.json")
    except FileNotFoundError as error:
        raise PublicationError(f"{at}: does not exist: nothing is published yet, or the root is wrong") from error
    except ValueError as error:
        raise PublicationError(f"{at}: expected JSON, found something else ({error})") from error
    version = document.get("version") if isinstance(document, dict) else None
    if version == VERSION:
        return dict(document)
    raise PublicationError(f"{at}: expected version {VERSION}, found {version}: use the verger_reader.py of its writer")


def _read_json(filesystem: FileSystem, path: str) -> Any:
    """Read JSON, twice if it is cut: pyarrow requests the size first, and a longer object may replace it then."""
    for _ in range(2):
        with filesystem.open_input_stream(path) as source:
            body = source.read()
        with contextlib.suppress(ValueError):
            return json.loads(body)
    return json.loads(body)
