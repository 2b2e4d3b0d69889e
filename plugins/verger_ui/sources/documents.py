"""The JSON files of a run, as models in which malformed members get their defaults (see `lenient`)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from verger_contract.report import CheckRow, LabelRow, SuspectFacts
from verger_ui.sources.lenient import Count, Counts, Document, Number, Time, only_lists, only_objects


class Task(Document):
    """A task of the DAG run."""

    task: str = ""
    state: str = ""
    seconds: Number | None = None
    start: Time | None = None
    end: Time | None = None


class Check(Document):
    """A row of validation.json."""

    name: str = ""
    passed: bool = False
    expected: str = ""
    found: str = ""
    detail: str = ""

    def row(self) -> CheckRow:
        """Return the row as the contract has it."""
        return {
            "name": self.name,
            "passed": self.passed,
            "expected": self.expected,
            "found": self.found,
            "detail": self.detail,
        }


class Label(Document):
    """A label of the report, or of the drift table."""

    label: str = ""
    photos: Count = 0
    new: Count = 0
    rejected: Count = 0
    distance: Number | None = None
    spread: Number | None = None
    ratio: Number | None = None
    suspects: Count = 0
    new_suspects: Count = 0

    def row(self) -> LabelRow:
        """Return the row as the contract has it."""
        return {
            "label": self.label,
            "photos": self.photos,
            "new": self.new,
            "rejected": self.rejected,
            "distance": self.distance,
            "spread": self.spread,
            "ratio": self.ratio,
            "suspects": self.suspects,
            "new_suspects": self.new_suspects,
        }


Tasks = Annotated[list[Task], BeforeValidator(only_objects)]
Checks = Annotated[list[Check], BeforeValidator(only_objects)]
LabelRows = Annotated[list[Label], BeforeValidator(only_objects)]
CheckTables = Annotated[dict[str, Checks], BeforeValidator(only_lists)]


class Cost(Document):
    """Node hours of the clusters of a run."""

    node_hours: Number | None = None
    estimated_cost: Number | None = None
    currency: str = ""
    explanation: str = ""


class Labels(Document):
    """The labels of the report."""

    shown: LabelRows = Field(default_factory=list)


class SuspectCounts(Document):
    """How many of the current photos are suspects."""

    compared: Count = 0
    reference: Count = 0
    kinds: Counts = Field(default_factory=dict)
    duplicates_across_labels: Count = 0

    def facts(self) -> SuspectFacts:
        """Return the counts as the contract has them."""
        kinds = {kind: count for kind, count in self.kinds.items() if count is not None}
        return {
            "compared": self.compared,
            "reference": self.reference,
            "kinds": kinds,
            "duplicates_across_labels": self.duplicates_across_labels,
        }


class Drift(Document):
    """How far the new photos lie from the earlier ones."""

    new: Count | None = None
    labels: LabelRows = Field(default_factory=list)


class Model(Document):
    """The model that featurized the photos."""

    weights: str = ""


class EarlierFailure(Document):
    """A failed task."""

    task: str = ""
    error: str = ""
    at: Time | None = None


class Failure(EarlierFailure):
    """The first failed task, and those after it."""

    also: Annotated[list[EarlierFailure], BeforeValidator(only_objects)] = Field(default_factory=list)


class Params(Document):
    """The parameters of the DAG run that the pages use."""

    basis: str = ""


class Report(Document):
    """report.json or failure.json; see verger_contract.report."""

    state: str = ""
    published_at: Time | None = None
    why: str = ""
    photos: Count | None = None
    rejected: Count | None = None
    rejects: Counts | None = None
    changes: Counts = Field(default_factory=dict)
    k: Count | None = None
    explained_variance: Number | None = None
    target_variance: Number | None = None
    basis_kept: bool | None = None
    basis_reason: str = ""
    photos_per_second: Number | None = None
    tasks: Tasks = Field(default_factory=list)
    cost: Cost = Cost()
    checks: CheckTables = Field(default_factory=dict)
    model: Model = Model()
    params: Params = Params()
    labels: Labels = Labels()
    drift: Drift = Drift()
    suspects: SuspectCounts = SuspectCounts()
    warnings: list[str] | None = None
    failure: Failure = Failure()


class Plan(Document):
    """plan.json."""

    work: bool | None = None
    waiting: bool | None = None
    why: str = ""
    photos: Counts = Field(default_factory=dict)


class PlannedCluster(Document):
    """cluster.json: the planned core and task nodes, and the minutes until the end of the verification."""

    core: Count | None = None
    task: Count | None = None
    minutes: Number | None = None


class Featurize(Document):
    """featurize.json."""

    rejected: Count | None = None
    rejects: Counts = Field(default_factory=dict)
    photos_per_second: Number | None = None
    weights: str = ""
    application: str = ""


class Basis(Document):
    """The basis that step 2 used."""

    action: str = ""
    reason: str = ""
    policy: str = ""


class Pca(Document):
    """pca.json."""

    weights: str | None = None
    photos: Count | None = None
    k: Count | None = None
    target_variance: Number | None = None
    explained_variance: Number | None = None
    basis: Basis = Basis()
    drift: Drift = Drift()
    application: str = ""


class Validation(Document):
    """validation.json, which has one member for each table."""

    tables: CheckTables = Field(default_factory=dict)


class Progress(Document):
    """progress.json."""

    step: str = ""
    done: Count | None = None
    total: Count | None = None
    started_at: Time | None = None
    updated_at: Time | None = None


class Step(Document):
    """steps/<id>.json: a step that the run submitted to EMR."""

    step: str = ""
    cluster: str = ""
    step_id: str = ""
    submitted_at: str = ""


class ClusterEnd(Document):
    """janitor/<cluster>.json: a cluster that the janitor terminated."""

    cluster: str = ""
    run: str = ""
    reason: str = ""
    requested_at: Time | None = None


class Marker(Document):
    """run.json."""

    started_at: Time | None = None
