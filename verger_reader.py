"""What Verger published, for those who use it: features, pca and basis as Arrow, pandas or Spark.

    import verger_reader

    published = verger_reader.open_publication("s3://my-bucket")
    vectors = published.pca()                    # pyarrow.Table: path, label, pca_features
    frame = published.to_pandas("features")      # the same of path, label, etag, features

Needs pyarrow and numpy; pandas or pyspark only where they are asked for. This file needs nothing else of Verger's:
copy it to wherever you train.

Of all that Verger writes only `published.json` ever changes. It is read once, when a publication is opened, so that
everything read from that publication fits together, whatever is published meanwhile. What is no longer published is
kept for some time, then removed: who reads it later than that is told to open the publication again.
"""

from __future__ import annotations

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

VERSION = 3
"""Of published.json, as this reader knows it."""

ROWS_PER_BATCH = 2048
"""Features of so many photos are 10 MB."""

TableName = Literal["features", "pca"]

SCHEMAS: Mapping[str, pyarrow.Schema] = {
    "features": pyarrow.schema({
        "path": pyarrow.string(),
        "label": pyarrow.string(),
        "etag": pyarrow.string(),
        "features": pyarrow.list_(pyarrow.float32()),
    }),
    "pca": pyarrow.schema({
        "path": pyarrow.string(),
        "label": pyarrow.string(),
        "pca_features": pyarrow.list_(pyarrow.float64()),
    }),
}  # fmt: skip

DELETES_SCHEMA = pyarrow.schema({"path": pyarrow.string(), "run": pyarrow.string()})

SPARK_SCHEMAS: Mapping[str, str] = {
    "features": "path string, label string, etag string, features array<float>",
    "pca": "path string, label string, pca_features array<double>",
}


class PublicationError(Exception):
    """What was asked for is not published, or is no longer there; the message says what to do."""


@dataclass(frozen=True)
class Basis:
    """`components`: float64 (1280, k), one component a column; `explained_variance_ratio`: float64 (k,)."""

    components: NDArray[numpy.float64]
    explained_variance_ratio: NDArray[numpy.float64]

    def project(self, features: NDArray[Any]) -> NDArray[numpy.float64]:
        """Coordinates (rows, k) of features (rows, 1280): those of the table `pca`, also for photos not in it."""
        return numpy.asarray(features, dtype=numpy.float64) @ self.components


def matrix(vectors: pyarrow.ChunkedArray) -> NDArray[Any]:
    """The column `features` or `pca_features` of a table as one array (rows, width), of the column's own dtype.

    The width of no rows is 0.
    """
    if not len(vectors):
        return numpy.empty((0, 0), dtype=vectors.type.value_type.to_pandas_dtype())
    flat = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in vectors.chunks]
    return numpy.concatenate(flat).reshape(len(vectors), -1)


def open_publication(root: str, run: str | None = None, filesystem: FileSystem | None = None) -> Publication:
    """The current publication under `root`, or with `run` the one that this run made, out of the history.

    `root`: `s3://bucket`, or `file:///folder` for a copy of one. Where S3 is and who asks come from the environment, as
    for any AWS client: AWS_ENDPOINT_URL_S3, AWS_REGION, credentials, profile, role. `filesystem` comes in their place.

    Raises PublicationError when nothing is published there, when no publication is by that run, or when published.json
    is of another version; ValueError for a root that is no such URI.
    """
    place = _place(root.rstrip("/"), filesystem)
    document = _read_document(place)
    facts = [document, *document.pop("history", [])]
    if run is None:
        return Publication(place, document)
    for earlier in facts:
        if earlier["run"] == run:
            return Publication(place, earlier)
    known = ", ".join(earlier["run"] for earlier in facts if earlier["run"]) or "none"
    raise PublicationError(f"{place.root}/published.json: expected run {run} in it or its history, found: {known}")


@dataclass(frozen=True)
class Place:
    """A bucket or folder: `root` is its URI, `path` the same in `filesystem`."""

    root: str
    filesystem: FileSystem
    path: str

    def parquet_files(self, folder: str) -> list[str]:
        """Paths of the Parquet files in a folder, in order. Raises PublicationError when there is no such folder."""
        try:
            found = self.filesystem.get_file_info(FileSelector(f"{self.path}/{folder}"))
        except FileNotFoundError as error:
            raise self.gone(folder, "no such folder") from error
        return sorted(info.path for info in found if info.is_file and info.base_name.endswith(".parquet"))

    def batches(
        self, folder: str, schema: pyarrow.Schema, deletes: pyarrow.Array | None
    ) -> Iterator[pyarrow.RecordBatch]:
        """The rows of a folder whose path is not among the `dead`. Raises PublicationError when files go meanwhile."""
        files = self.parquet_files(folder)
        rows = pyarrow.dataset.dataset(files, schema, format="parquet", filesystem=self.filesystem)
        current = None if deletes is None else ~pyarrow.dataset.field("path").isin(deletes)
        # Little is read ahead: pyarrow's defaults mean gigabytes where a row is 5 kB.
        ahead = {"batch_readahead": 4, "fragment_readahead": 2}
        try:
            yield from rows.to_batches(filter=current, batch_size=ROWS_PER_BATCH, **ahead)
        except FileNotFoundError as error:
            raise self.gone(folder, str(error)) from error

    def table(self, path: str, schema: pyarrow.Schema | None = None) -> pyarrow.Table:
        """One small Parquet file. Raises PublicationError when there is none."""
        try:
            with self.filesystem.open_input_file(path) as source:
                return pyarrow.parquet.read_table(source, schema=schema)
        except FileNotFoundError as error:
            raise self.gone(path.removeprefix(f"{self.path}/"), "no such file") from error

    def uri(self, key: str) -> str:
        """As Spark wants it: Hadoop takes what a file URI escapes (%20) for what it says."""
        return f"{unquote(self.root) if self.root.startswith('file:') else self.root}/{key}"

    def gone(self, key: str, found: str) -> PublicationError:
        return PublicationError(
            f"{self.root}/{key}: {found}; what a later publication replaced is removed after some time (or this copy "
            "is not complete): open the publication again"
        )


@dataclass(frozen=True)
class Publication:
    """One state of the data, whatever is published later. `facts`: what published.json says of it."""

    place: Place
    facts: Mapping[str, Any]

    @property
    def run(self) -> str | None:
        """The run that published it; None when everything was unpublished."""
        return self.facts["run"]  # type: ignore[no-any-return]

    @property
    def photos(self) -> int:
        """Rows of either table."""
        return int(self.facts["photos"])

    @property
    def k(self) -> int:
        """Width of pca_features; 0 when everything was unpublished."""
        return int(self.facts["k"] or 0)

    def features(self) -> pyarrow.Table:
        """path, label, etag and features (float32, 1280 wide): exactly one row per current photo. Errors: `batches`."""
        return self._table("features")

    def pca(self) -> pyarrow.Table:
        """path, label and pca_features (float64, k wide): exactly one row per current photo. Errors: `batches`."""
        return self._table("pca")

    def batches(self, name: TableName) -> Iterator[pyarrow.RecordBatch]:
        """The same rows in batches of at most ROWS_PER_BATCH, for what does not fit into memory.

        Raises PublicationError when a folder or file is gone. Files may be gone that nobody misses, in a copy that is
        not complete for instance: so rows are counted, and a wrong number is an error after the last batch.
        """
        rows, schema, folders = 0, _schema(name), self._folders(name)
        deletes = self._deletes() if name == "features" and folders else {}
        for run, folder in folders.items():
            for batch in self.place.batches(folder, schema, deletes.get(run)):
                rows += batch.num_rows
                yield batch
        if rows != self.photos:
            raise self.place.gone(name, f"run {self.run} published {self.photos} rows, found {rows}")

    def to_pandas(self, name: TableName) -> pandas.DataFrame:
        """The table as a pandas DataFrame; a vector is a numpy array in its cell. Errors: `batches`."""
        return self._table(name).to_pandas()

    def to_spark(self, spark: SparkSession, name: TableName) -> DataFrame:
        """The table as a Spark DataFrame: lazy, and read by Spark's own access to the root.

        Raises PublicationError when a folder is gone now; Spark raises its own error for what goes later.
        """
        from pyspark.sql import functions as F

        _schema(name)  # refuses what is no table
        columns, folders = SPARK_SCHEMAS[name], list(self._folders(name).values())
        if not folders:
            return spark.createDataFrame([], columns)
        for folder in folders:
            self.place.parquet_files(folder)
        # With a base path the folder's run becomes a column; its type is told, or run 007 would be 7.
        reader = spark.read.schema(f"{columns}, run string").option("basePath", self.place.uri(name))
        rows = reader.parquet(*map(self.place.uri, folders))
        if name == "features":
            deletes = spark.read.schema("path string, run string").parquet(self.place.uri(self._deletes_key))
            rows = rows.join(F.broadcast(deletes), ["path", "run"], "left_anti")
        return rows.drop("run")

    def basis(self) -> Basis:
        """What `pca` was projected with. Raises PublicationError when it is gone or nothing is published."""
        if self.facts["basis"] is None:
            raise PublicationError(f"{self.place.root}: everything was unpublished: there is no basis")
        folder = f"models/pca/run={self.facts['basis']}/data"
        for file in self.place.parquet_files(folder):
            for row in self.place.table(file).to_pylist():
                return _basis(row["pc"], row["explainedVariance"])
        raise self.place.gone(folder, "expected the row that Spark's PCAModel saves, found none")

    def _table(self, name: TableName) -> pyarrow.Table:
        return pyarrow.Table.from_batches(self.batches(name), _schema(name))

    def _folders(self, name: TableName) -> dict[str, str]:
        """The runs whose files hold the rows of a table, and the folder of each."""
        runs = [entry["run"] for entry in self.facts["features"]] if name == "features" else [self.facts["pca"]]
        return {run: f"{name}/run={run}" for run in runs if run}

    @property
    def _deletes_key(self) -> str:
        """Which rows of the feature runs are no longer current: path and run of each."""
        return f"runs/{self.run}/deletes.parquet"

    def _deletes(self) -> dict[str, pyarrow.Array]:
        """Run to the paths whose rows in it are no longer current."""
        listed = self.place.table(f"{self.place.path}/{self._deletes_key}", DELETES_SCHEMA)
        by_run = listed.group_by("run").aggregate([("path", "list")])
        return {run.as_py(): paths.values for run, paths in zip(by_run["run"], by_run["path_list"], strict=True)}


def _schema(name: TableName) -> pyarrow.Schema:
    if name not in SCHEMAS:
        raise ValueError(f"{name}: expected one of {', '.join(SCHEMAS)}")
    return SCHEMAS[name]


def _place(root: str, filesystem: FileSystem | None) -> Place:
    scheme, separator, path = root.partition("://")
    if scheme == "file" and separator:
        return Place(root, filesystem or LocalFileSystem(), unquote(path))
    if scheme in ("s3", "s3a") and path:
        return Place(root, filesystem or _s3(path.partition("/")[0]), path)
    raise ValueError(f"{root}: expected s3://bucket or file:///folder")


def _s3(bucket: str) -> S3FileSystem:
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not (region or endpoint):
        region = resolve_s3_region(bucket)
    return S3FileSystem(region=region, endpoint_override=endpoint)


def _read_document(place: Place) -> dict[str, Any]:
    """published.json, of the version that this reader knows."""
    at = f"{place.root}/published.json"
    try:
        document = _read_json(place.filesystem, f"{place.path}/published.json")
    except FileNotFoundError as error:
        raise PublicationError(f"{at}: not there: nothing is published yet, or the root is another one") from error
    except ValueError as error:
        raise PublicationError(f"{at}: expected JSON, found something else ({error})") from error
    version = document.get("version") if isinstance(document, dict) else None
    if version != VERSION:
        raise PublicationError(
            f"{at}: expected version {VERSION}, found {version}: use the verger_reader.py of the Verger that wrote it"
        )
    return dict(document)


def _read_json(filesystem: FileSystem, path: str, tries: int = 2) -> Any:
    """Tried again when cut off: pyarrow asks S3 for the size first, and the object may be replaced by a longer one."""
    with filesystem.open_input_stream(path) as source:
        body = source.read()
    try:
        return json.loads(body)
    except ValueError:
        if tries == 1:
            raise
        return _read_json(filesystem, path, tries - 1)


def _basis(stored: Mapping[str, Any], explained: Mapping[str, Any]) -> Basis:
    """From a matrix and a vector as Spark stores them: a matrix by columns, unless it says that it is transposed."""
    values = numpy.array(stored["values"], dtype=numpy.float64)
    components = values.reshape((stored["numRows"], stored["numCols"]), order="C" if stored["isTransposed"] else "F")
    return Basis(components, numpy.array(explained["values"], dtype=numpy.float64))
