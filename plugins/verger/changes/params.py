"""The parameters of a run, and the limits that they lift."""

from __future__ import annotations

from dataclasses import dataclass

from verger.changes.compare import PhotoChange, Tally
from verger.settings import Validation
from verger_contract.errors import VergerError


class PlanError(VergerError):
    """The plan looks like a mistake. The message names the parameter that allows it."""


@dataclass(frozen=True, kw_only=True)
class RunParams:
    """The parameters of the DAG that concern the plan.

    Attributes
    ----------
    basis : str
        A `BasisPolicy`.
    target_variance : float
        The share of the variance that the components together explain.
    full_refresh : bool
        Featurize all photos.
    retry_rejects : bool
        Featurize all rejected photos.
    accept_deletions : bool
        Publish although more photos are missing than VERGER_MAX_DELETED_SHARE.
    accept_rejects : bool
        Publish although more photos are rejected than VERGER_MAX_REJECTS_SHARE.
    verify_all : bool
        Verify all rows, also those of earlier runs.
    launch_now : bool
        Do not wait for more photos (VERGER_WAIT_FOR_PHOTOS).
    """

    basis: str
    target_variance: float
    full_refresh: bool = False
    retry_rejects: bool = False
    accept_deletions: bool = False
    accept_rejects: bool = False
    verify_all: bool = False
    launch_now: bool = False


def check_limits(
    tally: Tally, params: RunParams, limits: Validation, *, full_refresh: bool, known_rejects: str
) -> None:
    """Refuse a run that would change more than the limits allow, unless its parameters accept it.

    Parameters
    ----------
    tally : Tally
    params : RunParams
    limits : Validation
    full_refresh : bool
        The run featurizes all photos, also those that are published as rejects.
    known_rejects : str
        URI of the manifest that has the known rejects.

    Raises
    ------
    PlanError
        More photos are missing than VERGER_MAX_DELETED_SHARE, or known rejects alone exceed VERGER_MAX_REJECTS_SHARE.
    """
    _check_deletions(tally, params, limits.max_deleted_share)
    _check_known_rejects(tally, params, limits.max_rejects_share, full_refresh, known_rejects)


def _check_deletions(tally: Tally, params: RunParams, most: float) -> None:
    deleted = tally.photos[PhotoChange.DELETED]
    if deleted > most * tally.published and not params.accept_deletions:
        raise PlanError(
            f"{deleted:,} of the {tally.published:,} published photos are missing in the bucket; expected at most "
            f"{most:.0%} (VERGER_MAX_DELETED_SHARE). If they were deleted on purpose, trigger the DAG with "
            "accept_deletions; else correct VERGER_IMAGES_PREFIX or restore the photos"
        )


def _check_known_rejects(tally: Tally, params: RunParams, most: float, full_refresh: bool, manifest: str) -> None:
    known = tally.known_rejects.total()
    rejected = known if full_refresh else known + tally.rejected
    if known and rejected > most * tally.listed and not (params.accept_rejects or params.retry_rejects):
        kinds = ", ".join(f"{kind}: {count:,}" for kind, count in tally.known_rejects.most_common())
        raise PlanError(
            f"{known:,} of the {tally.listed:,} photos cannot be read: an earlier run rejected the same files "
            f"({kinds}; see {manifest}); expected at most {most:.1%} rejects (VERGER_MAX_REJECTS_SHARE). No cluster "
            "was launched. Correct or delete the photos, trigger the DAG with accept_rejects to publish without them, "
            "or with retry_rejects to read them again"
        )
