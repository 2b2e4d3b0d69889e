"""Verifies the coordinates that step 2 wrote: every row, and the bytes of every file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from verger_contract.plan import StepPlan
from verger_contract.schemas import FEATURES_WIDTH
from verger_contract.verification.check import Check
from verger_spark.io.feature_files import run_of
from verger_verify import earlier, neighbours, rows
from verger_verify.basis import Basis
from verger_verify.explained import explained_variance, projected
from verger_verify.features import Recompute, Samples, Verified
from verger_verify.measures.sample import Sample
from verger_verify.measures.spread import Measured
from verger_verify.measures.vectors import Vectors
from verger_verify.tables import files as tables
from verger_verify.tables import parts, work
from verger_verify.tables.files import File, Table
from verger_verify.tables.found import Found, Kind, Part, Spreads, Versions
from verger_verify.tables.parts import Costed, groups_of, whole
from verger_verify.tables.reader import Reader, removed_paths, replaced, vectors_name
from verger_verify.tables.work import Cluster


@dataclass(frozen=True, kw_only=True)
class Written:
    """What step 2 wrote, and what it is compared with.

    Attributes
    ----------
    plan : StepPlan
        `into` names the feature run that the attempt compacted.
    pca : str
        URI of the coordinates that the run wrote.
    basis : str
        URI of the basis.
    is_kept : bool
        An earlier run fitted the basis.
    saved : Basis
    target : float
        The target variance of the run.
    measured : Measured or None
        What the verification of the published run measured. None when all photos are measured.
    """

    plan: StepPlan
    pca: str
    basis: str
    is_kept: bool
    saved: Basis
    target: float
    measured: Measured | None

    @property
    def basis_name(self) -> str:
        """The run that fitted the basis, with the attempt."""
        return run_of(self.basis)

    @property
    def is_update(self) -> bool:
        """Whether the run wrote the coordinates of some photos only."""
        return self.is_kept and self.plan.statistics is not None

    @property
    def manifest(self) -> tuple[str, ...]:
        """URIs of the parts of the manifest that have rows of `feature_runs`: new photos are in the last one."""
        parts = self.plan.verification.manifest
        return parts[-1:] if self.feature_runs == (self.plan.new,) else parts

    @property
    def is_all(self) -> bool:
        """Whether the rows of all feature runs are verified."""
        return self.plan.verification.all or not self.is_update

    @cached_property
    def feature_runs(self) -> tuple[str, ...]:
        """URIs of the feature runs whose rows are verified."""
        return self.plan.runs if self.is_all else self.plan.projected

    @cached_property
    def features(self) -> dict[str, Table]:
        """The table of each feature run that has current rows, by URI."""
        return {uri: tables.table(uri, is_own=uri not in self.plan.keep) for uri in self.plan.runs}

    @cached_property
    def own(self) -> list[Table]:
        """The tables that the run wrote: its coordinates, and the feature run that it compacted."""
        return [tables.table(self.pca), *([self.features[self.plan.into]] if self.plan.into else [])]

    @cached_property
    def kept(self) -> dict[str, Table]:
        """The kept tables of coordinates, by URI, which an update leaves as they are."""
        kept = self.plan.verification.coordinates if self.is_update else {}
        return {uri: tables.table(uri, is_own=False) for uri in kept}

    @property
    def earlier(self) -> dict[str, Table]:
        """All tables that were verified before, by URI: of earlier runs, and the features of step 1."""
        written = {self.plan.into} if self.plan.into else set()
        return {uri: table for uri, table in self.features.items() if uri not in written} | self.kept

    @property
    def is_measured(self) -> bool:
        """Whether the variance of the published photos is updated, and not measured again."""
        return self.measured is not None and not self.is_all


def verify(cluster: Cluster, written: Written, samples: Samples, recompute: Recompute | None) -> Verified:
    """Verify the tables of step 2.

    Parameters
    ----------
    cluster : Cluster
    written : Written
    samples : Samples
    recompute : callable or None
        Used when all rows are verified on request.

    Raises
    ------
    VergerError
        A table of the plan is missing, or S3 fails.
    """
    lists = {table.uri: table.list_sha256 for table in written.own if table.list_sha256}
    files = _files(written, {})
    if not all(check.passed for check in files):
        return Verified(files, lists, 0)
    reader = _reader(written, samples)
    found = work.over(cluster, _parts(written), reader, Found())
    files = _files(written, found.problems)
    if not all(check.passed for check in files):
        return Verified(files, lists, found.bytes)
    checks, measured = _checks(written, found, reader)
    if recompute and written.plan.verification.all:
        checks.append(recompute(_vectors(found, reader, Kind.FEATURES).again.chosen()))
    return Verified([*files, *checks], lists, found.bytes, measured.document())


def _files(written: Written, contents: Mapping[str, str]) -> list[Check]:
    own = [table.check(contents) for table in written.own]
    return [*own, earlier.check(written.plan, written.earlier, contents)]


def _reader(written: Written, samples: Samples) -> Reader:
    plan, photos = written.plan, sum(written.features[uri].rows for uri in written.feature_runs)
    return Reader(
        new=run_of(plan.new),
        sample=Sample.of(samples.neighbours, photos),
        again=Sample.of(samples.again if plan.verification.all else 0, photos, samples.salt),
        runs=tuple(run_of(uri) for uri in written.feature_runs),
        deletes=plan.deletes,
        removed=plan.removed or None,
        components=written.saved.components,
        coordinates={run_of(uri): runs for uri, runs in plan.verification.coordinates_of.items()},
    )


def _parts(written: Written) -> list[Costed]:
    plan, features = written.plan, written.features
    found = [part for uri in written.manifest for part in groups_of(Kind.MANIFEST, uri)]
    for uri in written.feature_runs:
        found += whole(Kind.FEATURES, features[uri], run_of(uri))
    found += whole(Kind.COORDINATES, written.own[0], run_of(written.pca))
    if written.is_all:
        for uri, table in written.kept.items():
            found += whole(Kind.KEPT, table, run_of(uri))
    elif written.is_measured:
        # A feature run of which no row is current any more is in no list of the plan.
        folder, paths = plan.new.rstrip("/").rpartition("/")[0], removed_paths(plan.removed)
        published = {run: tables.table(f"{folder}/run={run}/", is_own=False) for run in paths}
        found += parts.removed(published, paths)
    else:
        for uri in set(plan.runs) - {*written.feature_runs}:
            found += whole(Kind.SPREAD, features[uri], run_of(uri))
    read = {part.file.uri for part, _ in found}
    for uri, table in written.earlier.items():
        unread = [file for file in table.unproven if file.uri not in read]
        found += [(Part(Kind.CONTENT, file, run_of(uri)), file.size) for file in unread]
    return found


def _vectors(found: Found, reader: Reader, *kinds: Kind, new: bool | None = None) -> Vectors:
    """Return the results of some kinds: of new rows, of others, or (None) of both."""
    width = FEATURES_WIDTH if Kind.FEATURES in kinds else reader.components.shape[1]
    total = Vectors(width, replaced(reader.sample), replaced(reader.again))
    for kind in kinds:
        for is_new in (True, False):
            name = vectors_name(kind, is_new=is_new)
            if new in (None, is_new) and name in found.vectors:
                total = total.plus(found.vectors[name])
    return total


def _checks(written: Written, found: Found, reader: Reader) -> tuple[list[Check], Measured]:
    features, own = (_vectors(found, reader, kind) for kind in (Kind.FEATURES, Kind.COORDINATES))
    coordinates = own.plus(_vectors(found, reader, Kind.KEPT))
    measured = _measured(written, found, reader)
    counted = written.plan.verification.current_features
    unread = sum(rows for uri, rows in counted.items() if uri not in written.feature_runs)
    sample = coordinates.sample.chosen()
    return [
        *_rows_of_the_manifest(written, found, features, coordinates),
        *rows.shape(coordinates, written.saved.k, {"rows": own.rows}),
        explained_variance(
            written.saved,
            written.plan.basis,
            measured,
            features.rows + unread,
            written.target,
            is_kept=written.is_kept,
        ),
        projected(features, coordinates, written.saved),
        neighbours.check([photo.label for photo in sample], [photo.vector for photo in sample]),
    ], measured


def _measured(written: Written, found: Found, reader: Reader) -> Measured:
    """Return the variance of all current photos after the run."""
    basis = written.basis_name
    if written.measured is not None and written.is_measured:
        removed = found.spreads.get(Kind.REMOVED, Spreads())
        features, own = (_vectors(found, reader, kind, new=True) for kind in (Kind.FEATURES, Kind.COORDINATES))
        before = written.measured
        return Measured(
            basis,
            before.features.minus(removed.features).plus(features.spread),
            before.coordinates.minus(removed.coordinates).plus(own.spread),
        )
    others = found.spreads.get(Kind.SPREAD, Spreads())
    return Measured(
        basis,
        _vectors(found, reader, Kind.FEATURES).spread.plus(others.features),
        _vectors(found, reader, Kind.COORDINATES, Kind.KEPT).spread.plus(others.coordinates),
    )


def _rows_of_the_manifest(written: Written, found: Found, features: Vectors, coordinates: Vectors) -> list[Check]:
    """Compare paths, ETags and feature runs with the manifest."""
    manifest = found.versions.get(Kind.MANIFEST, Versions())
    reader = _reader(written, Samples(neighbours=0, again=0, salt=0))

    def expected(column: str) -> Iterator[tuple[str, str]]:
        for batch in tables.stream([File(uri, 0, 0) for uri in written.manifest], ["path", "etag", "run"]):
            for of_run in reader.of_runs(batch):
                yield from _pairs(of_run, column)

    def present() -> Iterator[tuple[str, str]]:
        for uri in written.feature_runs:
            for batch in tables.stream(written.features[uri].files, ["path", "etag"]):
                yield from _pairs(reader.current(batch, run_of(uri)), "etag")

    def labelled() -> Iterator[tuple[str, str]]:
        kept = written.kept if written.is_all else {}
        for uri, table in {written.pca: written.own[0], **kept}.items():
            for batch in tables.stream(table.files, ["path", "features_run"]):
                yield from _pairs(reader.current_coordinates(batch, run_of(uri)), "features_run")

    return [
        *rows.one_row_each(
            manifest.paths,
            coordinates.paths,
            lambda: expected("etag"),
            lambda: (path for path, _ in labelled()),
            "as a projection",
        ),
        rows.same_versions(manifest.etags, features.versions, lambda: expected("etag"), present),
        rows.same_versions(
            manifest.runs,
            coordinates.versions,
            lambda: expected("run"),
            labelled,
            name="feature runs of the manifest",
            what="feature run",
        ),
    ]


def _pairs(batch: pa.RecordBatch, column: str) -> Iterator[tuple[str, str]]:
    return zip(batch["path"].to_pylist(), batch[column].to_pylist(), strict=True)
