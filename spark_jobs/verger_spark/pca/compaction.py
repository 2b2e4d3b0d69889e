"""Copies the current rows of several feature runs into one new run, without the deleted rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from verger_contract.metrics import ListedFile
from verger_contract.schemas import FEATURES
from verger_spark.io import storage, table_file
from verger_spark.io.feature_files import CurrentRows, FeatureFiles
from verger_spark.pca.current_rows import DRIVER_BYTES, parent_of, require_complete, written_files
from verger_spark.python_task import python_task
from verger_spark.session import DriverValue

if TYPE_CHECKING:
    from verger_spark.session import LazySession


def compact(session: LazySession, runs: Sequence[str], deletes: str, into: str, lost: Collection[str] = ()) -> int:
    """Write the current rows of `runs` to the folder `into`, and return their number.

    The files have about 32 MB each. Files of this size are read fast. The driver copies little data itself.

    Parameters
    ----------
    session : LazySession
    runs : sequence of str
        URIs of feature runs.
    deletes : str
        URI of the table of their deleted rows.
    into : str
        URI of the new feature run.
    lost : collection of str
        URIs of lost files, which are not read.

    Raises
    ------
    VergerError
        As `require_complete` and `parent_of`; a file is missing or damaged.
    """
    from verger_spark.pca.tasks import WRITTEN_SCHEMA, CopyRows

    require_complete(runs, deletes)
    parent_of(runs)
    storage.delete_folder(into)
    read = FeatureFiles.of(runs, lost=lost)
    groups = read.groups(cores=1)
    if not groups:
        table_file.write_empty(into, FEATURES.arrow)
        return 0
    rows = CurrentRows(deletes, FEATURES.names)
    if read.bytes <= DRIVER_BYTES:
        copied = CopyRows(DriverValue(groups), rows, into)([pa.record_batch({"id": [*range(len(groups))]})])
        files = [ListedFile(**row) for batch in copied for row in batch.to_pylist()]
    else:
        task = python_task(CopyRows(session.broadcast(groups), rows, into))
        files = written_files(session.spark.range(0, len(groups), 1, len(groups)).mapInArrow(task, WRITTEN_SCHEMA))
    table_file.mark_complete(into, files)
    return sum(file.rows for file in files)
