"""runs/<id>/plan.json: what step 2 does. Airflow writes it before the cluster is launched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class BasisPolicy(StrEnum):
    """What a run does with the published basis.

    `auto` keeps it, but fits a new one when it explains too little, has too many components, the target was changed, or
    the model or the preprocessing changed. `refit` fits a new one. `reuse` keeps it whatever it explains.
    """

    AUTO = "auto"
    REFIT = "refit"
    REUSE = "reuse"


@dataclass(frozen=True, kw_only=True)
class BasisRequest:
    """Which basis step 2 uses.

    Attributes
    ----------
    policy : BasisPolicy
    published : str or None
        URI of the published basis; None when there is none to keep.
    reason : str
        Why there is none to keep.
    tolerance : float
        How far the explained variance of a kept basis may lie below the target variance, as a share of the variance.
    """

    policy: BasisPolicy
    published: str | None = None
    reason: str = ""
    tolerance: float = 0.0

    @property
    def candidate(self) -> str | None:
        """URI of the basis that may be kept."""
        return None if self.policy is BasisPolicy.REFIT else self.published


def least_explained_variance(target_variance: float, tolerance: float) -> float:
    """Return the share of the variance that a kept basis must explain: the target less the tolerance.

    A new basis reaches the target by a narrow margin. Without the tolerance, nearly every run would fit another basis,
    and all coordinates would change.
    """
    return target_variance - tolerance


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What the verification steps compare the written tables with. Tables are given as URIs that end in `run=<id>/`.

    Attributes
    ----------
    all : bool
        All current rows are verified, not only those that the run wrote.
    features, current_features : mapping of str to int
        All rows of each kept feature run, and those that are not deleted.
    coordinates : mapping of str to int
        All rows of each table of coordinates that is kept while the basis is kept.
    coordinates_of : mapping of str to (sequence of str)
        The feature runs whose rows are read from each of these tables.
    file_lists : mapping of str to str
        SHA-256 of the file list of each table, as it was verified. Tables of an earlier Verger have none.
    manifest : tuple of str
        URIs of the parts of the manifest of the run, oldest first.
    measured : str or None
        URI of what the verification of the published run measured, which is updated.
    suspects : str or None
        URI of the folder of suspects of the published run, which are updated.
    photos : int
        Photos of the published snapshot.
    """

    all: bool = False
    features: Mapping[str, int] = field(default_factory=dict)
    current_features: Mapping[str, int] = field(default_factory=dict)
    coordinates: Mapping[str, int] = field(default_factory=dict)
    coordinates_of: Mapping[str, Sequence[str]] = field(default_factory=dict)
    file_lists: Mapping[str, str] = field(default_factory=dict)
    manifest: tuple[str, ...] = ()
    measured: str | None = None
    suspects: str | None = None
    photos: int = 0


@dataclass(frozen=True, kw_only=True)
class StepPlan:
    """The plan as the steps read it. Feature runs are given as URIs that end in `run=<id>/`.

    Attributes
    ----------
    run : str
    work : bool
        False when there is nothing to do now. `why` has the reason in words.
    waiting : bool
        There are photos to do, and the run waits for more: then `work` is False.
    without_cluster : bool
        The work needs no step: only rejected photos were deleted.
    photos : mapping of str to int
        Photos listed, new, changed, retry, opportunistic_retry, lost, unchanged, deleted.
    keep, compact : tuple of str
        Published feature runs: those that are read as they are, and those whose current rows are copied `into` a new
        run.
    into : str or None
        Set exactly when `compact` is not empty.
    new : str
        The feature run that step 1 writes.
    lost : tuple of str
        URIs of lost files of `compact`, which are not read. One that ends in a slash stands for all files of a run.
    deletes, compacted_deletes : str
        URIs of the deleted rows of `keep` and of `compact` (see `schemas.DELETES`).
    removed : str
        URI of the rows of published feature runs that this run deletes (see `schemas.DELETES`).
    statistics : str or None
        URI of the published statistics, which the run updates while it keeps the basis. None for a full pass: then the
        run reads all current rows, and writes all coordinates again.
    project : tuple of str
        Feature runs whose coordinates are written again if the basis is kept, beside those of `into` and `new`.
    basis : BasisRequest
    verification : Verification
    """

    run: str
    work: bool
    why: str
    photos: Mapping[str, int]
    keep: tuple[str, ...]
    compact: tuple[str, ...]
    into: str | None
    new: str
    deletes: str
    compacted_deletes: str
    basis: BasisRequest
    lost: tuple[str, ...] = ()
    removed: str = ""
    statistics: str | None = None
    project: tuple[str, ...] = ()
    waiting: bool = False
    without_cluster: bool = False
    verification: Verification = field(default_factory=Verification)

    def __post_init__(self) -> None:
        if bool(self.compact) != bool(self.into):
            raise ValueError(f"features.compact is {list(self.compact)}, but features.into is {self.into}")

    @property
    def runs(self) -> tuple[str, ...]:
        """The feature runs that hold all current rows after the compaction."""
        return (*self.keep, *([self.into] if self.into else []), self.new)

    @property
    def projected(self) -> tuple[str, ...]:
        """The feature runs whose coordinates are written if the basis is kept and `statistics` are updated."""
        return (*self.project, *([self.into] if self.into else []), self.new)

    @property
    def listed(self) -> int:
        """Photos in the bucket. Rejected photos have no features."""
        return self.photos["listed"]

    def document(self) -> dict[str, Any]:
        """Return the JSON object of plan.json."""
        return {
            "run": self.run,
            "work": self.work,
            "waiting": self.waiting,
            "without_cluster": self.without_cluster,
            "why": self.why,
            "photos": dict(self.photos),
            "features": {
                "keep": [*self.keep],
                "compact": [*self.compact],
                "into": self.into,
                "new": self.new,
                "lost": [*self.lost],
            },
            "deletes": self.deletes,
            "compacted_deletes": self.compacted_deletes,
            "removed": self.removed,
            "statistics": self.statistics,
            "project": [*self.project],
            "basis": {
                "policy": self.basis.policy.value,
                "published": self.basis.published,
                "reason": self.basis.reason,
                "tolerance": self.basis.tolerance,
            },
            "verification": asdict(self.verification),
        }

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> StepPlan:
        """Return the plan of a JSON object: the inverse of `document`.

        Raises
        ------
        KeyError, TypeError, ValueError
            The object is not a plan.
        """
        features, basis = document["features"], document["basis"]
        photos = {str(name): int(count) for name, count in document["photos"].items()}
        return cls(
            run=str(document["run"]),
            work=bool(document["work"]),
            waiting=bool(document.get("waiting", False)),
            without_cluster=bool(document.get("without_cluster", False)),
            why=str(document["why"]),
            photos=photos | {"listed": photos["listed"]},
            keep=tuple(map(str, features["keep"])),
            compact=tuple(map(str, features["compact"])),
            into=features["into"],
            new=str(features["new"]),
            lost=tuple(map(str, features.get("lost", ()))),
            deletes=str(document["deletes"]),
            compacted_deletes=str(document["compacted_deletes"]),
            removed=str(document["removed"]),
            statistics=document["statistics"],
            project=tuple(map(str, document["project"])),
            basis=BasisRequest(
                policy=BasisPolicy(basis["policy"]),
                published=basis["published"],
                reason=str(basis["reason"]),
                tolerance=float(basis["tolerance"]),
            ),
            verification=_verification(document.get("verification") or {}),
        )


def _verification(document: Mapping[str, Any]) -> Verification:
    return Verification(**{**document, "manifest": tuple(document.get("manifest", ()))})
