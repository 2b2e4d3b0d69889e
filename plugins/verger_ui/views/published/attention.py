"""What in the publication needs attention, with what to do. A notice stays until its cause is resolved. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from verger.publication.model import Publication, Snapshot
from verger.report import warnings
from verger.report.thresholds import Limits
from verger.report.warnings import Kind
from verger.settings import Settings
from verger_contract.keys import owner
from verger_ui.addresses import DAG_PAGE
from verger_ui.formats import share, stamp
from verger_ui.views.missed_schedule import missed
from verger_ui.views.run_facts import RunFacts

REMEDIES = {
    Kind.WEIGHTS: "Build the artifact set with ImageNet weights (make artifacts), then start a run with full_refresh.",
    Kind.CHECKS: "The next run with enough new photos makes it. Until then, look at the photos of this run.",
    Kind.REJECTS_SHARE: "Replace or delete the rejected files before the share reaches the limit.",
    Kind.DELETIONS: "Confirm that these photos were deleted on purpose. If not, upload them again.",
    Kind.BASIS: "The next run may fit new components. To keep them, start runs with basis=reuse.",
    Kind.LABELS: "Look at the new photos of these labels.",
    Kind.SUSPECTS: "Look at them. Move a photo to the folder of its label, or delete it.",
}
"""What to do about a warning of the run that published. The other kinds are computed from the publication."""

PAGES = {Kind.REJECTS_SHARE: "rejects", Kind.LABELS: "labels", Kind.SUSPECTS: "suspects"}


@dataclass(frozen=True)
class Notice:
    """Something that needs attention.

    Attributes
    ----------
    text, remedy : str
        What is wrong, and what to do.
    page : str
        The page to look at, below the address of the pages; an absolute path is a page of Airflow.
    link : str
        Text of the link.
    """

    text: str
    remedy: str
    page: str = ""
    link: str = "Look"


def find(
    publication: Publication | None,
    current: RunFacts | None,
    settings: Settings,
    newest: datetime | None,
    now: datetime,
) -> list[Notice]:
    """Return the notices, those of the schedule first.

    Parameters
    ----------
    publication : Publication or None
    current : RunFacts or None
        The run of the current snapshot, also when later runs followed it.
    settings : Settings
    newest : datetime or None
        Start of the newest run.
    now : datetime
    """
    late = missed(settings.schedule, newest, now)
    found = [Notice(late, "Unpause the DAG, or start the scheduler.", DAG_PAGE, "Open the DAG")] if late else []
    if publication is None or publication.current.run is None:
        return found
    snapshot = publication.current
    return [
        *found,
        *(_failed_tasks(current) if current else ()),
        *_rejects(snapshot),
        *_settings(snapshot, settings),
        *_components(snapshot, publication.history),
        *(_of_run(current, Limits.of(settings)) if current else ()),
    ]


def _failed_tasks(current: RunFacts) -> Iterator[Notice]:
    for task in current.failed_tasks:
        yield Notice(
            f"The publication is complete, but the task {task} of its run failed.",
            f"Read its log, then clear the task {task} alone.",
            current.airflow_page or f"runs/{current.id}",
            "Open the run in Airflow" if current.airflow_page else "Open the run",
        )


def _rejects(snapshot: Snapshot) -> Iterator[Notice]:
    if snapshot.rejected:
        one = snapshot.rejected == 1
        yield Notice(
            "1 photo is rejected and has no vector."
            if one
            else f"{snapshot.rejected:,} photos are rejected and have no vector.",
            "Replace or delete the files. The next run reads replaced files again.",
            "rejects",
            "List of rejects",
        )


def _settings(snapshot: Snapshot, settings: Settings) -> Iterator[Notice]:
    target = settings.pca.target_variance
    if snapshot.target_variance != target:
        yield Notice(
            f"The target of the publication is {share(snapshot.target_variance)} of the variance; the setting "
            f"VERGER_TARGET_VARIANCE is {share(target)}.",
            "Start a run without a target of its own, or change the setting.",
            DAG_PAGE,
            "Open the DAG",
        )
    prefix = settings.storage.images_prefix
    if snapshot.images_prefix != prefix:
        yield Notice(
            f"The publication holds the photos under {snapshot.images_prefix}; the setting VERGER_IMAGES_PREFIX is "
            f"{prefix}.",
            "Correct the setting, or start a run: it featurizes all photos under the new prefix.",
            DAG_PAGE,
            "Open the DAG",
        )


def _components(snapshot: Snapshot, history: Sequence[Snapshot]) -> Iterator[Notice]:
    """Yield a notice while a snapshot with other components is kept."""
    others = [old for old in history if old.basis and old.basis != snapshot.basis]
    if others:
        yield Notice(
            f"New PCA components: vectors of {stamp(others[0].published_at)} and earlier are not comparable with the "
            f"current ones ({snapshot.basis_reason or 'no reason is recorded'}; run {owner(snapshot.basis or '')}).",
            "Read all vectors again, and train models on them again. This notice ends when the older publications "
            "expire.",
            "publications",
            "List of publications",
        )


def _of_run(current: RunFacts, limits: Limits) -> Iterator[Notice]:
    for kind, sentence in warnings.by_kind(current.figures, limits):
        if kind in REMEDIES:
            yield Notice(sentence, REMEDIES[kind], PAGES.get(kind, f"runs/{current.id}"), "Details")
