"""The rows of feature runs: checks that they are complete, sums them up and projects them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from verger_contract.errors import VergerError
from verger_contract.metrics import FILE_LIST, ListedFile
from verger_contract.plan import StepPlan
from verger_spark.io import storage, table_file
from verger_spark.io.feature_files import RUN, CurrentRows, FeatureFiles
from verger_spark.io.location import name_of
from verger_spark.pca.sums.covariance import Moments
from verger_spark.pca.sums.label_sums import LabelSums
from verger_spark.python_task import python_task
from verger_spark.session import DriverCounter, DriverValue, Shared, Value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pyspark.sql import DataFrame

    from verger_spark.pca.tasks import Groups, RowSource
    from verger_spark.session import LazySession, RowCounter

GroupTask: TypeAlias = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]

DRIVER_BYTES = 100_000_000
"""Maximum size of the files that the driver reads: the features of a single block of rows, a few seconds of a core."""


@dataclass(frozen=True)
class FeatureRows:
    """Rows of feature files. Spark tasks read them in groups of files; the driver reads them if they are few.

    Attributes
    ----------
    session : LazySession
        It starts only for Spark tasks.
    files : FeatureFiles
    cores : int
        Cores of the cluster. With 0, those of the running executors.
    rows : RowSource
        Reads the rows of a group.
    is_small : bool
        Whether the driver reads the rows. That takes less time than the start of Spark.
    """

    session: LazySession
    files: FeatureFiles
    cores: int
    rows: RowSource
    is_small: bool

    @classmethod
    def current(cls, session: LazySession, files: FeatureFiles, cores: int = 0) -> FeatureRows:
        """Return the rows of files that are not deleted."""
        return cls(session, files, cores, CurrentRows(files.deletes), files.bytes <= DRIVER_BYTES)

    def sum_up(self, photos: int, processed: RowCounter) -> Moments | None:
        """Return the moments of all rows; None without rows. See `verger_spark.pca.sums.summing.sum_up`."""
        from verger_spark.pca.sums.summing import BLOCK_ROWS, sum_up
        from verger_spark.pca.tasks import PACKED_SCHEMA, ReadRows

        if self.is_small and photos <= BLOCK_ROWS:
            task = ReadRows(DriverValue(self._groups), self.rows)
            return sum_sorted(task(self._all_numbers()), processed.driver)
        task = ReadRows(self.session.broadcast(self._task_groups), self.rows)
        rows = self._numbers().mapInArrow(python_task(task), PACKED_SCHEMA)
        return sum_up(rows, photos, processed.tasks)

    def project(
        self, components: NDArray[np.float64], pca: str, processed: RowCounter
    ) -> tuple[list[ListedFile], dict[str, LabelSums]]:
        """Write the coordinates of all rows to the folder `pca`.

        Returns
        -------
        files : list of ListedFile
        sums : dict of str to LabelSums
            The sums of the coordinates of each feature run.
        """
        from verger_spark.pca.tasks import PROJECTED_SCHEMA, Project, unpacked_labels

        counter = processed.driver if self.is_small else processed.tasks
        task = Project(self._shared(self._groups), self.rows, self._shared(components), pca, counter)
        written = sorted(self._results(task, PROJECTED_SCHEMA), key=lambda row: str(row["name"]))
        tables: dict[str, list[pa.Table]] = {}
        for row in written:
            tables.setdefault(row.pop("run"), []).append(unpacked_labels(bytes(row.pop("labels"))))
        files = [ListedFile(**row) for row in written]
        return files, {run: LabelSums.of(of_run) for run, of_run in tables.items()}

    def sum_labels(self, components: NDArray[np.float64]) -> LabelSums:
        """Return the sums of the coordinates of all rows."""
        from verger_spark.pca.tasks import LABELS_SCHEMA, SumLabels, unpacked_labels

        task = SumLabels(self._shared(self._groups), self.rows, self._shared(components))
        return LabelSums.of(unpacked_labels(bytes(row["labels"])) for row in self._results(task, LABELS_SCHEMA))

    @cached_property
    def _groups(self) -> Groups:
        """The files of each task. For the driver, the files of each feature run."""
        return self.files.by_run() if self.is_small else self._task_groups

    @cached_property
    def _task_groups(self) -> Groups:
        cores = self.cores or self.session.spark.sparkContext.defaultParallelism
        return self.files.groups(cores, by_run=True)

    def _shared(self, value: Value) -> Shared[Value]:
        return DriverValue(value) if self.is_small else self.session.broadcast(value)

    def _results(self, task: GroupTask, schema: str) -> list[dict[str, Any]]:
        """Return the rows that the tasks of all groups return: one row each."""
        if self.is_small:
            return [row for batch in task(self._all_numbers()) for row in batch.to_pylist()]
        return [row.asDict() for row in self._numbers().mapInArrow(python_task(task), schema).collect()]

    def _numbers(self) -> DataFrame:
        count = len(self._task_groups)
        return self.session.spark.range(0, count, 1, max(count, 1))

    def _all_numbers(self) -> list[pa.RecordBatch]:
        return [pa.record_batch({"id": [*range(len(self._groups))]})]


def sum_sorted(batches: Iterable[pa.RecordBatch], processed: DriverCounter) -> Moments | None:
    """Return the moments of few rows of `ReadRows`, with the same bits as Spark's sum of a single block."""
    from verger_spark.pca.tasks import Accumulate

    rows = [batch for batch in batches if len(batch)]
    if not rows:
        return None
    table = pa.Table.from_batches(rows).sort_by("path").combine_chunks()
    blocks = pa.repeat(pa.scalar(0, pa.int32()), len(table))
    sums = [
        moments
        for batch in Accumulate(processed)(table.append_column("block", blocks).to_batches())
        for moments in batch["moments"].to_pylist()
    ]
    return Moments.merged(sums)


def current_files(plan: StepPlan) -> FeatureFiles:
    """Return the files that hold the current rows after the compaction of the plan.

    Raises
    ------
    VergerError
        As `require_complete` and `parent_of`.
    """
    require_complete(plan.runs, plan.deletes)
    require_verified(plan)
    parent_of(plan.runs)
    return FeatureFiles.of(plan.runs, plan.deletes)


def written_files(rows: DataFrame) -> list[ListedFile]:
    """Run the tasks of a DataFrame that has a row for each written file (``WRITTEN_SCHEMA``). Return the files."""
    # Each task returns one row. A sum by Spark would need one more stage.
    return [ListedFile(**row.asDict()) for row in rows.collect()]


def require_complete(runs: Sequence[str], deletes: str) -> None:
    """Check that the feature runs are complete and that the table of deleted rows exists.

    Raises
    ------
    VergerError
        The message names what is missing.
    """
    for uri in runs:
        if not any(storage.exists(f"{uri.rstrip('/')}/{name}") for name in (FILE_LIST, "_SUCCESS")):
            raise VergerError(
                f"{uri}: expected a complete feature run, found neither {FILE_LIST} nor _SUCCESS in it; "
                "if check_features was marked as success, clear it and all that follows it; if the feature run was "
                "deleted in the meantime, start a new run"
            )
    if not storage.exists(deletes):
        raise VergerError(f"{deletes}: expected the table of deleted rows of this plan, found none; start a new run")


def require_verified(plan: StepPlan) -> None:
    """Check that the feature runs have the file lists that were verified, and that of this run the listed files.

    Raises
    ------
    VergerError
        A file list or a file was replaced since its verification.
    """
    for uri, verified in plan.verification.file_lists.items():
        if uri in plan.runs:
            at = f"{uri.rstrip('/')}/{FILE_LIST}"
            found = hashlib.sha256(storage.read(at)).hexdigest()
            if found != verified:
                raise VergerError(
                    f"{at}: expected the file list that was verified (SHA-256 {verified}), found another ({found}); "
                    "start a new run, which writes the table again"
                )
    # Files of earlier runs may have other ETags: a copy of the bucket has. The verification compares their content.
    if plan.new in plan.verification.file_lists and not table_file.is_listed(plan.new):
        raise VergerError(
            f"{plan.new}: expected the files that were verified, found a file with another size or ETag; clear "
            "featurize and all that follows it"
        )


def parent_of(runs: Sequence[str]) -> str:
    """Return the folder that contains all runs as `run=<id>`. There must be at least one run.

    Raises
    ------
    VergerError
        The runs are in different folders, or a folder is not named `run=<id>`.

    Examples
    --------
    >>> parent_of(["s3://bucket/features/run=A/", "s3://bucket/features/run=B"])
    's3://bucket/features'
    """
    parents = {uri.rstrip("/").rpartition("/")[0] for uri in runs}
    named = all(name_of(uri).startswith(RUN) for uri in runs)
    if len(parents) != 1 or not named:
        raise VergerError(f"feature runs: expected run=<id> folders side by side, found {' '.join(runs)}")
    return parents.pop()
