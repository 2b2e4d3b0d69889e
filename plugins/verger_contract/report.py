"""report.json and failure.json: what a run did, for the report, for the page in Airflow, and for consumers.

report.json stays after the run's data was removed, so it holds figures and labels and never the name of a photo.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from verger_contract.metrics import LabelDrift


class TaskFacts(TypedDict):
    """One task of the DAG run: state, seconds, and start and end (ISO 8601, UTC) where they are known."""

    task: str
    state: str
    seconds: float
    start: str | None
    end: str | None


class NodeHours(TypedDict):
    """The nodes of one instance type and market."""

    type: str
    market: str
    count: int
    hours: float


class Cost(TypedDict):
    """Node hours of the clusters of a run. `estimated_cost` is None when a type has no price."""

    clusters: list[str]
    node_hours: float
    estimated_cost: float | None
    currency: str
    nodes: list[NodeHours]
    explanation: str


class PlannedCluster(TypedDict):
    """The cluster as it was planned before the launch, and what it took.

    `workers` are core and task nodes. `minutes` and `cost` (in EUR) were expected; None where they were unknown.
    `took_minutes` is from the request of the cluster to the end of the last verification, None when it did not end. The
    cost of what was used is in `Cost`.
    """

    workers: int
    photos: int
    minutes: float | None
    cost: float | None
    took_minutes: float | None


class CheckRow(TypedDict):
    """A row of validation.json."""

    name: str
    passed: bool
    expected: str
    found: str
    detail: NotRequired[str]
    counted: NotRequired[dict[str, float | None]]


class LabelRow(TypedDict):
    """A label: current photos, new ones of this run, rejects of this run, its drift, and its suspects.

    `suspects` counts its current photos that are outliers or disagree with their neighbours, `new_suspects` those that
    this run found.
    """

    label: str
    photos: int
    new: int
    rejected: int
    distance: float | None
    spread: float | None
    ratio: float | None
    suspects: int
    new_suspects: int


class SuspectFacts(TypedDict):
    """How many of the current photos are suspects, and with how many photos the run compared its own.

    `kinds` has the number by kind (see `schemas.SuspectKind`), each at most `schemas.MOST_SUSPECTS`.
    `duplicates_across_labels` are the near duplicates of a photo that has another label.
    """

    compared: int
    reference: int
    kinds: dict[str, int]
    duplicates_across_labels: int


class Labels(TypedDict):
    """`shown` holds the labels that need attention first; `count` counts all."""

    count: int
    shown: list[LabelRow]


class Drift(TypedDict, total=False):
    """The member `drift` of pca.json; empty where step 2 measured no drift."""

    new: int
    explained_variance: float | None
    labels: list[LabelDrift]


class Variance(TypedDict):
    """Cumulative explained variance by number of components.

    `current` is measured on all current photos; `fitted` is that of the photos to which a kept basis was fitted.
    """

    current: list[float]
    fitted: list[float] | None


class EarlierFailure(TypedDict):
    """A failed task; `at` is ISO 8601, UTC."""

    task: str
    error: str
    at: str


class TaskFailure(EarlierFailure):
    """The first failed task; `also` holds the failures after it."""

    also: NotRequired[list[EarlierFailure]]


class SnapshotFacts(TypedDict):
    """The members of the published snapshot. All are None for a run that failed."""

    published_at: str | None
    photos: int | None
    rejected: int | None
    k: int | None
    target_variance: float | None
    explained_variance: float | None
    features: list[dict[str, Any]] | None
    pca: list[dict[str, Any]] | None
    basis: str | None
    basis_reason: str | None
    basis_target: float | None
    model: dict[str, str] | None
    artifacts: str | None
    images_prefix: str | None
    rolled_back_from: str | None
    superseded_at: str | None


class RunRecord(TypedDict):
    """What the tasks and steps of a run recorded. None (or an empty object) where a task or step did not run."""

    changes: dict[str, int]
    inventory: int | None
    why: str
    featurized: int | None
    photos_per_second: float | None
    rejects: dict[str, int]
    seconds: dict[str, dict[str, float]]
    tasks: list[TaskFacts]
    cost: Cost | None
    planned: PlannedCluster | None
    drift: Drift
    suspects: SuspectFacts | None
    compacted: int
    checks: dict[str, list[CheckRow]]
    params: dict[str, Any]
    settings: dict[str, dict[str, Any]]
    versions: dict[str, str]


class Report(SnapshotFacts, RunRecord):
    """report.json of a published run, failure.json of a failed run. `failure` is None in report.json."""

    run: str
    state: str
    basis_kept: bool | None
    variance: Variance | None
    labels: Labels
    locations: dict[str, str | list[str]]
    warnings: list[str]
    failure: TaskFailure | None
