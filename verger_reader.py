"""Reads what Verger published: features, coordinates and PCA basis as Arrow, pandas, numpy or Spark.

    import verger_reader

    published = verger_reader.open_publication("s3://my-bucket")
    vectors = published.pca()                    # pyarrow.Table: path, label, pca_features
    frame = published.to_pandas("features")      # pandas.DataFrame: path, label, etag, features
    new = published.vectors("new photo.jpg")     # numpy array of shape (k,)

This file needs pyarrow and numpy, and pandas or pyspark only for the methods that return their types. `featurizer` and
`vectors` also need Pillow and LiteRT, in the versions that the pipeline uses. The file needs no other file of Verger:
copy it to your project. It reads `published.json`, the only object that Verger replaces, once for each publication. The
tables of a publication therefore fit together, even if another run publishes in the meantime. Replaced data are deleted
after some time. Open the publication again when the reader reports missing files.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
import json
import os
import re
import sys
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import unquote

import numpy
import pyarrow
import pyarrow.dataset
import pyarrow.parquet
from numpy.typing import NDArray
from pyarrow.fs import FileSelector, FileSystem, FileType, LocalFileSystem, S3FileSystem, resolve_s3_region

if TYPE_CHECKING:
    import pandas
    from PIL import Image
    from pyspark.sql import DataFrame, SparkSession

VERSIONS, ROWS_PER_BATCH = (3, 4), 2048  # of published.json; 10 MB of features
DELETES = "runs/{}/deletes.parquet"  # key of the table of deleted rows, by run
LABEL_SUMS = "runs/{}/statistics~{}/labels.parquet"  # key of the number of photos of each label, by run and attempt
SUSPECTS = "runs/{}/suspects~{}/suspects.parquet"  # key of the table of suspects, by run and attempt
FACTS = {"run", "features", "pca", "basis", "photos", "k", "model"}  # members of each publication in published.json
LABELS, FILE_LIST = "labels.json", "_files.json"  # of a bundle: photos of each label; of a table: its files
LIMITS: Any = {"connect_timeout": 10, "request_timeout": 60}  # seconds; those of pyarrow, 1 and 3, are short for S3
CODE, NETWORK = "verger_spark.zip", "model/mobilenet_v2.tflite"  # of an artifact set
HOST, KEYS = "AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
ADVICE = {  # a pattern of errors of S3, and what to do
    "curlCode: 6,": f"no such host: set {HOST} to the server of the bucket; for AWS, check AWS_REGION and the network",
    "curlCode: 7,": f"no server listens there: start it (on this machine: make up), or correct {HOST}",
    "curlCode: (35|60),": f"no TLS, or an unknown certificate: {HOST} needs http:// for a server without TLS",
    "NETWORK|TIMEOUT": f"no answer: check the network, a proxy, and {HOST}",
    "EXPIRED|ExpiredToken": "the credentials have expired: renew them (for example: aws sso login)",
    "INVALID_|InvalidToken|SIGNATURE": f"the server does not have these keys: set {KEYS} to keys of this server",
    "SKEWED": "the clock of this machine is wrong: correct it",
    "301|Redirect|AuthorizationHeader": "the bucket is in another region, or the endpoint is wrong: set AWS_REGION",
    "ACCESS_DENIED": f"set {KEYS}; if they are set, grant s3:ListBucket, s3:GetObject, and kms:Decrypt on its KMS key",
    "NO_SUCH_BUCKET|ucket '.*' not found": "no such bucket there: correct its name, the endpoint or the region",
}

TableName = Literal["features", "pca"]
Photo: TypeAlias = "bytes | str | Path | Image.Image"

SPARK_SCHEMAS: Mapping[str, str] = {
    "features": "path string, label string, etag string, features array<float>",
    "pca": "path string, label string, features_run string, pca_features array<double>",
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
    """The data are not published, or no longer there, or cannot be used here. The message names the remedy."""


class UnreadablePhoto(Exception):
    """A photo has no features. `kind` and `reason` are what the pipeline writes into its table of rejects."""

    def __init__(self, kind: str, reason: str, photo: str = "") -> None:
        super().__init__(f"{photo}: {reason}" if photo else reason)
        self.kind, self.reason = kind, reason


@dataclass(frozen=True)
class Basis:
    """`components`: float64 (1280, k), one component a column; `explained_variance_ratio`: float64 (k,)."""

    components: NDArray[numpy.float64]
    explained_variance_ratio: NDArray[numpy.float64]

    def project(self, features: NDArray[Any]) -> NDArray[numpy.float64]:
        """Return the coordinates (rows, k) of features (rows, 1280), also of photos that are not published."""
        return numpy.asarray(features, dtype=numpy.float64) @ self.components


def matrix(vectors: pyarrow.ChunkedArray) -> NDArray[Any]:
    """Return the column `features` or `pca_features` as an array (rows, width). Without rows its width is 0."""
    if not len(vectors):
        return numpy.empty((0, 0), dtype=vectors.type.value_type.to_pandas_dtype())
    flat = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in vectors.chunks]
    return numpy.concatenate(flat).reshape(len(vectors), -1)


def open_publication(root: str, run: str | None = None, filesystem: FileSystem | None = None) -> Publication:
    """Open the current publication of a bucket, or an earlier one.

    Parameters
    ----------
    root : str
        `s3://bucket`; `file:///folder` for a copy of a bucket; `file:///folder/bundle.zip` for a bundle, which
        `python -m verger.publication export` writes.
    run : str, optional
        Id of the run that published the earlier publication. It must be in the history of published.json.
    filesystem : pyarrow.fs.FileSystem, optional
        By default endpoint (AWS_ENDPOINT_URL_S3), region and credentials are found as in other AWS clients.

    Raises
    ------
    PublicationError
        Nothing is published, the run is unknown, published.json has another version, or the bundle is damaged.
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
    raise location.error(f"expected run {run} in it or its history, found: {found}")


@dataclass(frozen=True)
class Location:
    """A bucket or folder: `root` is its URI, `path` its path in `filesystem`."""

    root: str
    filesystem: FileSystem
    path: str
    access: str = "with the given filesystem"

    @contextlib.contextmanager
    def reading(self, key: str, missing: str = "no such file") -> Iterator[None]:
        """Raise PublicationError, which says what to do, in place of errors of the filesystem and of damaged files."""
        try:
            yield
        except FileNotFoundError as error:
            raise self.missing(key, missing) from error
        except OSError as error:
            raise PublicationError(f"{self.root}/{key}: {self._advice(error)}") from error
        except (ValueError, LookupError, TypeError, AttributeError, pyarrow.ArrowException) as error:
            cause = f"{type(error).__name__}: {error}"
            raise PublicationError(
                f"{self.root}/{key}: damaged ({cause}): see Damaged files in docs/data-lifecycle.md"
            ) from error

    def _advice(self, error: OSError) -> str:
        text = str(error)
        if re.search("AWS Error (?!NETWORK).*Head", text):  # that answer has no body; the answer to a listing has one
            try:
                self.filesystem.get_file_info(FileSelector(f"{self.path}/published.json", allow_not_found=True))
            except OSError as listed:
                text = str(listed)
        found = (advice for pattern, advice in ADVICE.items() if "AWS Error" in text and re.search(pattern, text))
        return f"cannot be read {self.access}: {next(found, 'it may be damaged')} ({text})"

    def read(self, key: str) -> bytes:
        """Return the content of a file. Errors as `reading`."""
        with self.reading(key), self.filesystem.open_input_stream(f"{self.path}/{key}") as source:
            return source.read()  # type: ignore[no-any-return]

    def parquet_files(self, folder: str, verified: str | None = None) -> dict[str, str | None]:
        """Return path and SHA-256 of the Parquet files of a folder, or raise PublicationError if one is missing.

        `verified` is the SHA-256 of the file list as it was verified.
        """
        with self.reading(folder, "no such folder"):
            found = self.filesystem.get_file_info(FileSelector(f"{self.path}/{folder}"))
        files = {info.base_name: info for info in found if info.is_file and info.base_name.endswith(".parquet")}
        if any(info.base_name == FILE_LIST for info in found):  # an earlier Verger wrote none
            with self.reading(f"{folder}/{FILE_LIST}"):
                content = self.read(f"{folder}/{FILE_LIST}")
                self._check_content(f"{folder}/{FILE_LIST}", content, verified)
                listed = {file["name"]: (file["bytes"], file["sha256"]) for file in json.loads(content)["files"]}
            for name, (size, _) in listed.items():
                if name not in files or files[name].size != size:
                    raise self.missing(f"{folder}/{name}", "lost or damaged; the next run of the pipeline repairs it")
            return {files[name].path: listed[name][1] for name in sorted(listed)}
        return {files[name].path: None for name in sorted(files)}

    def _check_content(self, key: str, content: bytes, sha256: str | None) -> None:
        if sha256 and (found := hashlib.sha256(content).hexdigest()) != sha256:
            altered = f"altered since it was verified: expected SHA-256 {sha256}, found {found}"
            raise PublicationError(f"{self.root}/{key}: {altered}; the next run of the pipeline repairs it")

    def batches(
        self, folder: str, columns: list[str], current: Any, verified: str | None = None
    ) -> Iterator[pyarrow.RecordBatch]:
        """Yield the rows of a folder that `current`, an expression or None, selects. Errors as `parquet_files`.

        Each file is read as a whole, and its SHA-256 is compared. The next one is read in the meantime.
        """
        files, schema = self.parquet_files(folder, verified), SCHEMAS[folder.partition("/")[0]]
        keys = [path.removeprefix(f"{self.path}/") for path in files]
        with ThreadPoolExecutor(1) as pool, self.reading(folder, "a file was deleted in the meantime"):
            coming = pool.submit(self.read, keys[0]) if keys else None
            for number, (key, sha256) in enumerate(zip(keys, files.values(), strict=True)):
                content = coming.result() if coming else b""
                coming = pool.submit(self.read, keys[number + 1]) if number + 1 < len(keys) else None
                self._check_content(key, content, sha256)
                file = pyarrow.dataset.ParquetFileFormat().make_fragment(pyarrow.BufferReader(content))
                yield from file.to_batches(schema, columns, current, ROWS_PER_BATCH)

    def table(self, key: str, schema: pyarrow.Schema | None = None) -> pyarrow.Table:
        """Return a small Parquet file, or the columns of `schema`. Raise PublicationError if it is missing."""
        with self.reading(key), self.filesystem.open_input_file(f"{self.path}/{key}") as source:
            return pyarrow.parquet.read_table(source, schema=schema)

    def error(self, text: str) -> PublicationError:
        """Return the error for another content of published.json."""
        return PublicationError(f"{self.root}/published.json: {text}")

    def uri(self, key: str) -> str:
        """Return the URI of a key for Spark. Hadoop does not unescape file URIs (%20)."""
        return f"{unquote(self.root) if self.root.startswith('file:') else self.root}/{key}"

    def missing(self, key: str, found: str) -> PublicationError:
        """Return the error for missing data."""
        if key == "published.json":
            is_absent = self.filesystem.get_file_info(self.path).type == FileType.NotFound
            cause = (
                f"no such bucket or folder {self.access}"
                if is_absent
                else "nothing is published yet, or the root is wrong"
            )
            return self.error(f"does not exist: {cause}")
        cause = "replaced data are deleted after some time (or this copy is incomplete): open the publication again"
        return PublicationError(f"{self.root}/{key}: {found}; {cause}")


@dataclass(frozen=True)
class Comparison:
    """Whether the data of two publications can be used together; `str()` says it in words."""

    run: str | None
    other_run: str | None
    features_comparable: bool  # same network and preprocessing
    vectors_comparable: bool  # and same basis

    def __str__(self) -> str:
        if self.run == self.other_run:
            return f"run {self.run}: the same publication"
        if self.vectors_comparable:
            effect = "same model, preprocessing and components: features and vectors are comparable"
        elif self.features_comparable:
            effect = "other components: features are comparable, vectors are not"
        else:
            effect = "another model or preprocessing: neither features nor vectors are comparable"
        other = f"run {self.other_run}" if self.other_run else "nothing, because everything was unpublished,"
        return f"run {self.run} is not the publication: {other} is; {effect}"


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
        rows = 0
        for batch in self._batches(name, _schema(name).names):
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

        schema, runs = _schema(name), self._runs(name)
        if not runs:
            return spark.createDataFrame([], SPARK_SCHEMAS[name]).select(*schema.names)
        key, current, files = ["path", "run" if name == "features" else "features_run"], F.lit(False), list[str]()
        for run, of in runs.items():
            files += self.location.parquet_files(f"{name}/run={run}", self._verified(name, run))
            current |= (F.col("run") == run) & (F.lit(True) if of is None else F.col(key[1]).isin(of))
        # With basePath the folder name run=<id> becomes a column. Without a type, Spark reads run 007 as the number 7.
        reader = spark.read.schema(f"{SPARK_SCHEMAS[name]}, run string").option("basePath", self.location.uri(name))
        rows = reader.parquet(*(self.location.uri(file.removeprefix(f"{self.location.path}/")) for file in files))
        deletes = spark.read.schema(SPARK_SCHEMAS["deletes"]).parquet(self.location.uri(DELETES.format(self.run)))
        return rows.where(current).join(F.broadcast(deletes.toDF(*key)), key, "left_anti").select(*schema.names)

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

    def labels(self) -> dict[str, int]:
        """Return the number of photos of each label, sorted by label. Errors as `batches`."""
        if "bundle" in self.facts:
            return dict(json.loads(self.location.read(LABELS)))
        if self.facts.get("since_full_pass") is not None:  # an earlier Verger wrote no sums of each label
            schema = pyarrow.schema({"label": pyarrow.string(), "photos": pyarrow.int64()})
            sums = self.location.table(LABEL_SUMS.format(self.run, self.facts["pca_attempt"]), schema)
            return dict(sorted((row["label"], row["photos"]) for row in sums.to_pylist() if row["photos"]))
        counts = Counter(label for batch in self._batches("pca", ["label"]) for label in batch["label"].to_pylist())
        return dict(sorted(counts.items()))

    def suspects(self) -> pyarrow.Table:
        """Return photos to look at: path, label, kind, score, neighbours, neighbour_labels, distances, run.

        `kind` is `label disagrees with neighbours`, `outlier of its label` or `near duplicate`. A bundle, and a
        publication of an earlier Verger, has no such table: PublicationError.
        """
        if not self.run or "bundle" in self.facts:
            raise self._error("it has no table of suspects: open the publication of a bucket that has photos")
        return self.location.table(SUSPECTS.format(self.run, self.facts["pca_attempt"]))

    def featurizer(self, any_versions: bool = False) -> Featurizer:
        """Return what computes the features of new photos, with the code and the network of this publication.

        Its artifact set has both. The code is imported into this process: open only buckets and bundles that you trust.

        Parameters
        ----------
        any_versions : bool
            Accept other versions of Pillow and LiteRT than those of the pipeline. The features are then not equal to
            the bit, and Pillow may accept other files.

        Raises
        ------
        PublicationError
            Pillow or LiteRT is missing or has another version; a file is missing or altered; an earlier Verger wrote
            the publication; this process has imported the code of another Verger; the canary has wrong features.
        """
        model, manifest = self.facts["model"], json.loads(self._artifact("manifest.json", self.facts["artifacts"]))
        if "preprocessing" not in model or "libraries" not in manifest:
            raise self._error("an earlier Verger published it without preprocessing: run the DAG, and open its result")
        files = {name: entry["sha256"] for name, entry in manifest["files"].items()} | {NETWORK: model["sha256"]}
        zipped, archive = self._artifact(CODE, files[CODE]), Path(_temporary_folder().name, f"{files[CODE]}.zip")
        if not archive.exists():
            archive.write_bytes(zipped)
        sys.path.insert(0, str(archive))
        try:
            code = importlib.import_module("verger_photo.published")
            try:
                photos = code.photo_featurizer(
                    lambda name: self._artifact(f"model/{name}", files[f"model/{name}"]),
                    model["preprocessing"],
                    None if any_versions else manifest["libraries"],
                )
            except code.VergerError as error:
                raise self._error(str(error)) from error
        except ImportError as error:
            raise self._error(f"cannot import its code: {error}; install it, or use another process") from error
        finally:
            sys.path.remove(str(archive))
        return Featurizer(photos, code.UnreadablePhoto)

    def vectors(self, photo: Photo | NDArray[Any] | None = None, *, rgb: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the coordinates of a photo: float64 (k,). Arguments and errors are those of `Featurizer`.

        Of features (1280,) or (rows, 1280) in place of a photo: float64 (k,) or (rows, k), as `Basis.project`.
        """
        if isinstance(photo, numpy.ndarray) and photo.dtype.kind == "f":
            return self._basis.project(photo)
        return self._basis.project(self._featurizer(photo, rgb=rgb))

    def compare_with(self, other: Publication) -> Comparison:
        """Compare this publication, or bundle, with another one, such as the current publication of the bucket."""
        models = [published.facts["model"] for published in (self, other)]
        features = len({(model["sha256"], model.get("preprocessing")) for model in models}) == 1
        return Comparison(self.run, other.run, features, features and self.facts["basis"] == other.facts["basis"])

    @cached_property
    def _basis(self) -> Basis:
        return self.basis()

    @cached_property
    def _featurizer(self) -> Featurizer:
        return self.featurizer()

    def _artifact(self, name: str, sha256: str) -> bytes:
        """Return a file of the artifact set, after a check of its SHA-256."""
        key = f"artifacts/{self.facts['artifacts']}/{name}"
        content = self.location.read(key)
        if (found := hashlib.sha256(content).hexdigest()) != sha256:
            raise PublicationError(f"{self.location.root}/{key}: altered: expected SHA-256 {sha256}, found {found}")
        return content

    def _error(self, text: str) -> PublicationError:
        return PublicationError(f"{self.location.root}: run {self.run}: {text}")

    def _table(self, name: TableName) -> pyarrow.Table:
        return pyarrow.Table.from_batches(self.batches(name), _schema(name))

    def _runs(self, name: TableName) -> dict[str, list[str] | None]:
        """Return the feature runs whose rows are current in the tables of a name, by run. None if all rows are."""
        if "bundle" in self.facts:
            root = self.facts["bundle"]["root"]
            raise PublicationError(f"{self.location.root}: a bundle has no table {name}: open {root} to read it")
        if not isinstance(found := self.facts[name], list):  # the coordinates of an earlier Verger
            return {found: None} if found else {}
        return {entry["run"]: [entry["run"]] if name == "features" else entry["features"] for entry in found}

    def _verified(self, name: TableName, run: str) -> str | None:
        """Return the SHA-256 of the file list of a table as it was verified; None for a table of an earlier Verger."""
        tables = self.facts[name] if isinstance(self.facts[name], list) else []
        return next((table.get("files") for table in tables if table["run"] == run), None)

    def _batches(self, name: TableName, columns: list[str]) -> Iterator[pyarrow.RecordBatch]:
        """Yield columns of the current rows of a table."""
        runs, path, deletes = self._runs(name), pyarrow.dataset.field("path"), dict[str, pyarrow.Array]()
        if any(runs.values()):
            table = self.location.table(DELETES.format(self.run), SCHEMAS["deletes"])
            by_run = table.group_by("run").aggregate([("path", "list")])
            deletes = dict(zip(by_run["run"].to_pylist(), (paths.values for paths in by_run["path_list"]), strict=True))
        for run, of in runs.items():
            features = pyarrow.dataset.scalar(run) if name == "features" else pyarrow.dataset.field("features_run")
            deleted = [(features == one) & path.isin(deletes[one]) for one in of or () if one in deletes]
            current = None if of is None else reduce(lambda rows, some: rows & ~some, deleted, features.isin(of))
            yield from self.location.batches(f"{name}/run={run}", columns, current, self._verified(name, run))


class Featurizer:
    """Computes the features of photos with the code and the network of the pipeline. `Publication.featurizer` makes it.

    On the same type of machine, the features of a file are equal to the bit to those that the pipeline computes.
    Several threads may call it, but it computes one photo at a time. Each process needs its own.
    """

    def __init__(self, photos: Any, unreadable: type[Exception]) -> None:
        self._photos, self._unreadable = photos, unreadable

    def __call__(self, photo: Any = None, *, rgb: NDArray[Any] | None = None) -> NDArray[numpy.float32]:
        """Return the features of one photo: float32 (1280,).

        `photo` is the content of a file, its path, or a PIL image. An image only has the pixels that Pillow decoded and
        the orientation in its EXIF data, so its features may differ slightly from those of its file. `rgb` is an
        array in place of a photo: uint8 (height, width, 3), red, green, blue, upright. OpenCV's arrays are BGR.

        An unreadable photo raises UnreadablePhoto, an argument of another type or shape, or an array without the name
        `rgb`, TypeError or ValueError.
        """
        try:
            return self._photos.features(photo, rgb)  # type: ignore[no-any-return]
        except self._unreadable as error:
            path = str(photo) if isinstance(photo, str | Path) else ""
            raise UnreadablePhoto(error.kind.value, str(error), path) from error  # type: ignore[attr-defined]

    def features_of(self, photos: Iterable[Photo]) -> NDArray[numpy.float32]:
        """Return the features of several photos: float32 (photos, 1280). The first error ends it."""
        rows = [self(photo) for photo in photos]
        return numpy.stack(rows) if rows else numpy.empty((0, 1280), numpy.float32)


def _schema(name: TableName) -> pyarrow.Schema:
    if name not in ("features", "pca"):
        raise ValueError(f"{name}: expected one of features, pca")
    return pyarrow.schema([field for field in SCHEMAS[name] if field.name != "features_run"])


def _location(root: str, filesystem: FileSystem | None) -> Location:
    scheme, separator, path = root.partition("://")
    if scheme == "file" and separator:
        return _opened(root, filesystem or LocalFileSystem(), unquote(path))
    if scheme in ("s3", "s3a") and path:
        if filesystem:
            return _opened(root, filesystem, path)
        first = [("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"), ("AWS_REGION", "AWS_DEFAULT_REGION")]
        endpoint, region = (next(filter(None, map(os.environ.get, names)), None) for names in first)
        key = os.environ.get("AWS_ACCESS_KEY_ID") or f"not set, AWS_PROFILE {os.environ.get('AWS_PROFILE', 'not set')}"
        access = f"from {endpoint or 'AWS, AWS_ENDPOINT_URL not set'}, AWS_REGION {region or 'not set'}"
        access += f", AWS_ACCESS_KEY_ID {key}"
        with Location(root, LocalFileSystem(), path, access).reading("published.json"):
            if not (region or endpoint):
                region = resolve_s3_region(path.partition("/")[0])
            return _opened(root, S3FileSystem(region=region, endpoint_override=endpoint, **LIMITS), path, access)
    raise ValueError(f"{root}: expected s3://bucket, file:///folder or file:///bundle.zip")


def _opened(root: str, filesystem: FileSystem, path: str, access: str = Location.access) -> Location:
    """Return a location. A bundle is unpacked into a temporary folder."""
    if not path.endswith(".zip"):
        return Location(root, filesystem, path, access)
    folder = tempfile.mkdtemp(dir=_temporary_folder().name)
    try:
        with filesystem.open_input_stream(path) as source, zipfile.ZipFile(io.BytesIO(source.read())) as archive:
            archive.extractall(folder)
    except FileNotFoundError as error:
        raise PublicationError(f"{root}: no such file, expected a bundle") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise PublicationError(f"{root}: expected a bundle, found a damaged zip file ({error})") from error
    return Location(root, LocalFileSystem(), folder)


@cache
def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder that is deleted when the process ends."""
    return tempfile.TemporaryDirectory(prefix="verger-")


def _read_document(location: Location) -> dict[str, Any]:
    with location.reading("published.json"):
        try:
            document = json.loads(location.read("published.json"))
        except ValueError:  # it is cut: pyarrow requests the size first, and a longer object may replace it then
            document = json.loads(location.read("published.json"))
        if (version := document["version"]) not in VERSIONS:
            raise location.error(f"expected version 3 or 4, found {version}: use the verger_reader.py of its writer")
        for facts in [document, *document.get("history", [])]:
            if missing := sorted(FACTS - facts.keys()):
                raise KeyError(*missing)
            _ = int(facts["photos"]), [entry["run"] for entry in facts["features"]]  # errors show that they are damaged
            _ = [entry["features"] for entry in facts["pca"] or () if not isinstance(facts["pca"], str)]
        return dict(document)
