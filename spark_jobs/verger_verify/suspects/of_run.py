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
from verger_verify.suspects.reference import MOST, Reference, hashed
from verger_verify.suspects.search import Before, Collect, Collected, search
from verger_verify.tables import files as tables
from verger_verify.tables import work
from verger_verify.tables.files import Table, UnreadableFile
from verger_verify.tables.found import Kind, Part
from verger_verify.tables.parts import Costed, whole
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


SAMPLED_FILES = 32
ROWS_OF_A_FILE = 2000
"""What is read of a large publication that has no reference: the first rows of some files. Its next full pass compares
all photos."""


@dataclass(frozen=True)
class CoordinateRows:
    """Yields the current photos of a file of coordinates.

    Attributes
    ----------
    reader : Reader
    only : str or None
        The feature run whose photos are read; None for all.
    most : int or None
        Rows after which no more batch is read.
    """

    reader: Reader
    only: str | None = None
    most: int | None = None

    def __call__(self, part: Part) -> Iterator[pa.RecordBatch]:
        """Yield the photos of a part, in batches. A file that cannot be read has no photos."""
        read = 0
        with contextlib.suppress(UnreadableFile), tables.opened(part.file.uri) as source:  # a check names the file
            for written in tables.batches(source, columns("pca_features", "features_run")):
                rows = self.reader.current_coordinates(written, part.run)
                yield rows.filter(pc.equal(rows["features_run"], self.only)) if self.only else rows
                read += len(written)
                if self.most and read >= self.most:
                    return


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
    reader = Reader(
        new=run_of(plan.new),
        sample=Sample(0),
        again=Sample(0),
        deletes=plan.deletes,
        coordinates={run_of(uri): runs for uri, runs in plan.verification.coordinates_of.items()},
    )
    own = whole(Kind.COORDINATES, written.own[0], run_of(written.pca))
    kept = [part for uri, table in written.kept.items() for part in whole(Kind.KEPT, table, run_of(uri))]
    before = None if written.is_all else files.read(plan.verification.suspects, basis)
    if before:
        removed = removed_paths(plan.removed) if plan.removed else {}
        before = before.without({path for paths in removed.values() for path in paths})
    elif not written.is_all and _photos(own + kept) > MOST:
        before = Before(_sample(cluster, kept, reader))
    parts, rows = (own, CoordinateRows(reader, reader.new)) if before else (own + kept, CoordinateRows(reader))
    found = search(partial(work.over, cluster, parts), rows, _photos(parts), before or Before(), plan.run)
    files.write(folder, found, basis)
    return found


def _photos(parts: list[Costed]) -> int:
    return sum(part.rows for part, _ in parts)


def _sample(cluster: work.Cluster, kept: list[Costed], reader: Reader) -> Reference:
    """Return a reference from a part of the kept coordinates."""
    chosen = sorted(kept, key=lambda costed: hashed(costed[0].file.uri))[:SAMPLED_FILES]
    read = Collect(CoordinateRows(reader, most=ROWS_OF_A_FILE))
    photos = work.over(cluster, chosen, read, Collected()).photos()
    return Reference.of(photos.paths, photos.labels, photos.coordinates).bounded()
