"""Chooses the basis and writes the coordinates: by a full pass over all current photos, or by an update.

An update reads the photos that the run adds and removes. The published statistics and these photos give the moments of
all current photos. If the published basis may be kept, the coordinates of the other photos do not change. If it may
not, the run makes a full pass: it sums up all current photos, fits a basis and writes all coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from verger_contract.errors import VergerError
from verger_contract.plan import BasisRequest, StepPlan
from verger_contract.schemas import PCA
from verger_spark.io import storage, table_file
from verger_spark.io.feature_files import RUN, FeatureFiles, run_of
from verger_spark.pca import drift
from verger_spark.pca.choice import Choice, choose
from verger_spark.pca.current_rows import FeatureRows, parent_of
from verger_spark.pca.removed_rows import DRIVER_FILES, DRIVER_ROWS, RemovedRows
from verger_spark.pca.sums import statistics
from verger_spark.pca.sums.covariance import Moments
from verger_spark.pca.sums.label_sums import LabelSums
from verger_spark.pca.sums.statistics import Statistics

if TYPE_CHECKING:
    from verger_contract.metrics import DriftMetrics
    from verger_spark.session import LazySession, RowCounter


@dataclass(frozen=True)
class Input:
    """What step 2 reads.

    Attributes
    ----------
    session : LazySession
    cores : int
        Cores of the cluster. With 0, those of the running executors.
    current : FeatureFiles
        The files of all current feature runs.
    plan : StepPlan or None
    photos : int
        Approximate number of current photos. It determines the blocks of rows.
    processed : RowCounter
        Counts the rows that were read.
    """

    session: LazySession
    cores: int
    current: FeatureFiles
    plan: StepPlan | None
    photos: int
    processed: RowCounter

    def new(self) -> FeatureFiles:
        """Return the files of the new photos; none without a plan."""
        return self.current.of_runs([self.plan.new] if self.plan else [])

    def updated(self) -> int:
        """Return the number of photos whose coordinates an update writes; 0 without an update."""
        return self.current.of_runs(self.plan.projected).count() if self.plan and self.plan.statistics else 0

    def rows(self, files: FeatureFiles) -> FeatureRows:
        """Return the current rows of files."""
        return FeatureRows.current(self.session, files, self.cores)

    def removed(self, plan: StepPlan) -> tuple[FeatureRows, int]:
        """Return the published rows that the run removes, and their number. The driver reads them if they are few."""
        source, parent = RemovedRows(plan.removed), parent_of(plan.runs)
        # Also a feature run of which no row is left: the plan does not name it any more.
        published = [f"{parent}/{RUN}{name}/" for name in sorted(source.runs())]
        files, count = FeatureFiles(source.in_files(FeatureFiles.of(published).files)), source.count()
        if count <= DRIVER_ROWS and len(files.files) <= DRIVER_FILES:
            return FeatureRows(self.session, files, self.cores, source.read(files.files), is_small=True), count
        return FeatureRows(self.session, files, self.cores, source, is_small=False), count


@dataclass(frozen=True)
class Decision:
    """The basis of a run, and what it was chosen by.

    Attributes
    ----------
    choice : Choice
    moments : Moments
        Of all current photos.
    new : Moments or None
        Of the new photos, if there are any beside others.
    published : Statistics or None
        The statistics that are updated. None for a full pass.
    """

    choice: Choice
    moments: Moments
    new: Moments | None
    published: Statistics | None


def decide(given: Input, request: BasisRequest, target: float, max_components: int, *, source: str) -> Decision:
    """Choose the basis: by an update if the plan allows it and the published basis is kept, else by a full pass.

    Parameters
    ----------
    source : str
        Names the input in errors.

    Raises
    ------
    VergerError
        There are no current rows; as `choose`.
    """
    plan, new_files = given.plan, given.new()
    new = None
    if plan and (plan.keep or plan.into) and (count := new_files.count()):
        new = given.rows(new_files).sum_up(count, given.processed)
    if plan and plan.statistics and request.candidate:
        published = statistics.load(plan.statistics)
        removed, count = given.removed(plan)
        moments = published.moments.plus(new).minus(removed.sum_up(count, given.processed))
        if not moments.count:
            raise _no_photos(source)
        choice = choose(request, moments, target, max_components)
        if not choice.fitted:
            sums = published.labels.minus(removed.sum_labels(choice.components))
            return Decision(choice, moments, new, Statistics(moments, sums))
    total = given.rows(given.current).sum_up(given.photos, given.processed)
    if not total:
        raise _no_photos(source)
    return Decision(choose(request, total, target, max_components), total, new, None)


def _no_photos(source: str) -> VergerError:
    return VergerError(f"{source}: no current features of any photo")


@dataclass(frozen=True)
class Written:
    """What a run wrote.

    Attributes
    ----------
    rows : int
        Coordinates.
    statistics : Statistics
        Of all current photos.
    new : LabelSums
        Of the new photos.
    """

    rows: int
    statistics: Statistics
    new: LabelSums


def write(given: Input, decision: Decision, pca: str) -> Written:
    """Write coordinates to the folder `pca`: of all current photos, or those that the plan names for an update.

    Raises
    ------
    VergerError
        Other photos have coordinates than were summed up.
    """
    plan, moments = given.plan, decision.moments
    is_update = plan is not None and decision.published is not None
    files = given.current.of_runs(plan.projected) if plan and is_update else given.current
    storage.delete_folder(pca)
    written, sums = given.rows(files).project(decision.choice.components, pca, given.processed)
    new = sums.get(run_of(plan.new), LabelSums()) if plan else LabelSums()
    if decision.published:
        labels = decision.published.labels.plus(new)
    else:
        labels = LabelSums()
        for of_run in sums.values():
            labels = labels.plus(of_run)
    if labels.photos != moments.count:
        raise VergerError(
            f"{pca}: expected coordinates of {moments.count:,} photos, found {labels.photos:,}; start a new run"
        )
    if written:
        table_file.mark_complete(pca, written)
    else:
        table_file.write_empty(pca, PCA.arrow)
    return Written(sum(file.rows for file in written), Statistics(moments, labels), new)


def measure_drift(decision: Decision, written: Written, folder: str) -> DriftMetrics | None:
    """Compare the new photos with the earlier ones, and write the table of drift to a folder.

    Returns
    -------
    DriftMetrics or None
        None, and no table, unless there are both new and earlier photos.
    """
    count, choice, moments = written.new.photos, decision.choice, decision.moments
    if decision.new is None or not 0 < count < moments.count:
        storage.delete_folder(folder)
        return None
    labels = drift.by_label(written.statistics.labels, written.new)
    drift.write(labels, folder)
    has_variance = choice.explained_variance_ratio is not None
    share = drift.explained_of(decision.new, choice.components, moments.mean) if has_variance else None
    return {"new": count, "explained_variance": share, "labels": labels[: drift.LARGEST]}
