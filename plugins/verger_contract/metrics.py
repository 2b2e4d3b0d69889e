"""The JSON files that the steps write: progress.json, featurize.json, pca.json, and _files.json of each table.

A step may be submitted several times in a run, and an earlier attempt may still write. The metrics decide which attempt
counts. At its start an attempt replaces them by its claim, which has the single member ``RUNNING``. At its end it
replaces its claim by its metrics, on the condition that the object is still its claim.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypedDict

FILE_LIST = "_files.json"
"""Name of the file list in the folder of a table. Spark, pandas and pyarrow ignore names that begin with `_`."""

RUNNING = "running"
"""The single member of a claim: an object with attempt, application, started_at, identity, earlier."""

REFUSED = "refused"
"""Member of the metrics: why a check refused the output. A step never adopts such an output."""


@dataclass(frozen=True)
class ListedFile:
    """A file of a table as its writer completed it.

    Attributes
    ----------
    name : str
        Relative to the folder.
    rows, bytes : int
    sha256 : str
        Of the content, in hex.
    etag : str or None
        That of S3, without quotes. None for a file on disk.
    first, last : str or None
        The smallest and the largest path of its rows, so that a search for few rows opens few files. None for a file
        without rows, and in file lists of an earlier Verger.
    """

    name: str
    rows: int
    bytes: int
    sha256: str
    etag: str | None = None
    first: str | None = None
    last: str | None = None


def list_document(files: Iterable[ListedFile]) -> dict[str, Any]:
    """Return the JSON object of a file list."""
    return {"files": [asdict(file) for file in files]}


def parse_list(document: Mapping[str, Any]) -> tuple[ListedFile, ...]:
    """Return the files of a file list: the inverse of `list_document`.

    Raises
    ------
    KeyError, TypeError
        The object is not a file list.
    """
    return tuple(ListedFile(**file) for file in document["files"])


class Progress(TypedDict):
    """runs/<id>/progress.json. `step` is featurize, verify_features, pca or verify_pca.

    Times are ISO 8601, UTC; `done` and `total` count photos.
    """

    step: str
    application: str
    done: int
    total: int
    started_at: str
    updated_at: str


class FeaturizeMetrics(TypedDict):
    """runs/<id>/featurize.json. `rejects` counts photos by kind, `seconds` holds the duration of each part.

    `inventory_etag`, `model`, `model_sha256` and `preprocessing` identify the work. A step that is submitted a second
    time for the same work ends at once. `attempt` is the id of the attempt, `outputs` has the URIs of its folders, by
    name: features, rejects. `application` is empty if the step started no Spark application.
    """

    photos: int
    featurized: int
    rejected: int
    rejects: dict[str, int]
    weights: str
    photos_per_second: float
    started_at: str
    seconds: dict[str, float]
    spark: str
    application: str
    attempt: str
    outputs: dict[str, str]
    inventory_etag: str
    model: str
    model_sha256: str
    preprocessing: str


class BasisMetrics(TypedDict):
    """Which basis step 2 used. `action` is kept or refitted."""

    action: str
    policy: str
    reason: str
    uri: str | None


class LabelDrift(TypedDict):
    """A row of the drift table (see `schemas.DRIFT`). `photos` counts the earlier photos."""

    label: str
    photos: int
    new: int
    distance: float | None
    spread: float | None
    ratio: float | None


class DriftMetrics(TypedDict):
    """How the new photos differ from the earlier ones; `labels` holds the largest distances."""

    new: int
    explained_variance: float | None
    labels: list[LabelDrift]


class PcaMetrics(TypedDict):
    """runs/<id>/pca.json. Shares of the variance are None when the photos have no variance.

    `full_pass` tells whether the step read all current rows and wrote all coordinates; else it read those of new,
    changed and deleted photos. `projected` counts the coordinates that it wrote. `attempt` is the id of the attempt,
    `outputs` has the URIs of its folders, by name: pca and statistics, and basis, drift and compacted if it wrote them.
    `application` is empty if the step started no Spark application.
    """

    photos: int
    full_pass: bool
    projected: int
    k: int
    target_variance: float
    explained_variance: float | None
    explained_variance_ratio: list[float] | None
    weights: str | None
    basis: BasisMetrics
    drift: DriftMetrics | None
    compacted: int
    started_at: str
    seconds: dict[str, float]
    spark: str
    application: str
    attempt: str
    outputs: dict[str, str]
