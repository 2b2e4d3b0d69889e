"""Searches what step 2 wrote in a run for suspects, and writes the files of suspects of the run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from verger_contract.plan import StepPlan
from verger_spark.io.feature_files import run_of
from verger_verify.measures.sample import Sample
from verger_verify.measures.vectors import columns
from verger_verify.suspects import files
from verger_verify.suspects.search import Before, search
from verger_verify.tables import files as tables
from verger_verify.tables import work
from verger_verify.tables.files import Table, UnreadableFile
from verger_verify.tables.found import Kind, Part
from verger_verify.tables.parts import whole
from verger_verify.tables.reader import Reader, removed_paths


class Written(Protocol):
    """What step 2 wrote: `verger_verify.coordinates.Written`. The first of its own tables has the coordinates."""

    @property
    def plan(self) -> StepPlan:
        """The plan of the run."""

    @property
    def pca(self) -> str:
        """URI of the coordinates that the run wrote."""

    @property
    def basis_name(self) -> str:
        """The run that fitted the basis, with the attempt."""

    @property
    def is_all(self) -> bool:
        """Whether all photos are verified."""

    @property
    def own(self) -> list[Table]:
        """The tables that the run wrote."""

    @property
    def kept(self) -> dict[str, Table]:
        """The kept tables of coordinates, by URI."""


@dataclass(frozen=True)
class CoordinateRows:
    """Yields the current photos of a file of coordinates; with `only`, those of one feature run."""

    reader: Reader
    only: str | None

    def __call__(self, part: Part) -> Iterator[pa.RecordBatch]:
        """Yield the photos of a part, in batches. A file that cannot be read has no photos."""
        with contextlib.suppress(UnreadableFile), tables.opened(part.file.uri) as source:  # a check names the file
            for written in tables.batches(source, columns("pca_features", "features_run")):
                rows = self.reader.current_coordinates(written, part.run)
                yield rows.filter(pc.equal(rows["features_run"], self.only)) if self.only else rows


def update(cluster: work.Cluster, written: Written, folder: str) -> Before:
    """Find the suspects of a run whose coordinates are verified, write its files of suspects, and return their content.

    Parameters
    ----------
    cluster : Cluster
    written : Written
        What step 2 wrote.
    folder : str
        URI of the folder of suspects of the run.

    Raises
    ------
    VergerError
        S3 fails.
    """
    plan, basis = written.plan, written.basis_name
    published = None if written.is_all else files.read(plan.verification.suspects, basis)
    parts = whole(Kind.COORDINATES, written.own[0], run_of(written.pca))
    if published is None:
        for uri, table in written.kept.items():
            parts += whole(Kind.KEPT, table, run_of(uri))
    removed = removed_paths(plan.removed) if published and plan.removed else {}
    before = published.without({path for paths in removed.values() for path in paths}) if published else Before()
    reader = Reader(
        new=run_of(plan.new),
        sample=Sample(0),
        again=Sample(0),
        deletes=plan.deletes,
        coordinates={run_of(uri): runs for uri, runs in plan.verification.coordinates_of.items()},
    )
    rows = CoordinateRows(reader, reader.new if published else None)
    photos = sum(part.rows for part, _ in parts)
    found = search(partial(work.over, cluster, parts), rows, photos, before, plan.run)
    files.write(folder, found, basis)
    return found
