"""Checks of the tables of step 2."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from verger.changes.plan import Plan
from verger.publication.model import Snapshot
from verger.settings import Validation
from verger.tables.parquet import Store
from verger.validation import basis, current, neighbours, rows, vectors
from verger.validation.basis import Basis
from verger.validation.check import Check
from verger.validation.files import check_earlier
from verger.validation.spread import Measured, Spread
from verger.validation.vectors import Sample, Vectors
from verger_contract.keys import Run, name_of
from verger_contract.plan import BasisPolicy, least_explained_variance
from verger_contract.schemas import FEATURES_WIDTH

if TYPE_CHECKING:
    import pyarrow

    class Reader(Protocol):
        """Yields the rows of new photos, or of the others, in batches."""

        def __call__(self, columns: Sequence[str], *, others: bool) -> Iterator[pyarrow.RecordBatch]:
            """Yield columns of the rows."""


VARIANCE_TOLERANCE = 1e-6
PROJECTION_TOLERANCE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Coordinates:
    """The coordinates that a run wrote, and what they are compared with.

    Attributes
    ----------
    store : Store
    run : Run
    plan : Plan
    limits : Validation
    basis_run : str
        The run that fitted the basis.
    saved : Basis
    measured : Measured or None
        What the checks of the published run measured. None when it is not used: then all photos are measured.
    """

    store: Store
    run: Run
    plan: Plan
    limits: Validation
    basis_run: str
    saved: Basis
    measured: Measured | None

    @classmethod
    def of_run(
        cls, store: Store, run: Run, plan: Plan, limits: Validation, *, basis_run: str, published: Snapshot | None
    ) -> Coordinates:
        """Return the coordinates of a run. What the checks of the published run measured is used if it is complete."""
        saved = basis.read(store, Run(run.bucket, basis_run).basis)
        written = cls(store=store, run=run, plan=plan, limits=limits, basis_run=basis_run, saved=saved, measured=None)
        if not written.is_update or not published:
            return written
        try:
            found = Measured.parse(json.loads(store.read(Run(run.bucket, str(published.run)).spread)))
        except (FileNotFoundError, KeyError, TypeError, ValueError):
            return written  # measured again over all photos
        is_usable = found.basis == basis_run and found.features.count == published.photos
        return replace(written, measured=found if is_usable else None)

    @property
    def is_kept(self) -> bool:
        """Whether an earlier run fitted the basis."""
        return self.basis_run != name_of(self.run.basis)

    @property
    def is_update(self) -> bool:
        """Whether the run wrote the coordinates of some photos only."""
        return self.is_kept and self.plan.coordinates.statistics is not None

    @property
    def feature_runs(self) -> list[str]:
        """The feature runs whose coordinates the run wrote."""
        return self.plan.projected(self.run) if self.is_update else self.plan.features_of(self.run)

    def batches(self, columns: Sequence[str], feature_runs: Sequence[str]) -> Iterator[pyarrow.RecordBatch]:
        """Yield current rows of features."""
        return current.batches(self.store, self.run, self.plan, columns, feature_runs)

    def features(self) -> Vectors:
        """Read the features of the photos whose coordinates the run wrote."""
        new = name_of(self.run.features)

        def batches(columns: Sequence[str], *, others: bool) -> Iterator[pyarrow.RecordBatch]:
            return self.batches(columns, [run for run in self.feature_runs if (run != new) == others])

        return self._new_and_others("features", "etag", batches, FEATURES_WIDTH)

    def coordinates(self) -> Vectors:
        """Read the coordinates that the run wrote."""
        new = name_of(self.run.features)

        def batches(columns: Sequence[str], *, others: bool) -> Iterator[pyarrow.RecordBatch]:
            return current.coordinates(self.store, self.run, columns, new=new, others=others)

        return self._new_and_others("pca_features", "features_run", batches, self.saved.k)

    def _new_and_others(self, column: str, version: str, batches: Reader, width: int) -> Vectors:
        """Measure the variance of the new photos alone when that of the others is known."""
        names, size, is_known = (
            vectors.columns(column, version),
            self.limits.neighbour_sample,
            self.measured is not None,
        )
        found = vectors.read(batches(names, others=False), column, width, size, version)
        others = batches(names, others=True)
        return vectors.read(others, column, width, size, version, into=found, spread=not is_known)

    def photos(self, features: Vectors) -> int:
        """Return the number of all current photos, from the rows of features that were read and those of other runs."""
        read = self.feature_runs
        return features.rows + sum(table.current_rows for table in self.plan.keep if table.run not in read)

    def variance(self, features: Vectors, found: Vectors) -> Measured:
        """Return the variance of all current photos after the run."""
        if self.measured is None:
            return Measured(self.basis_run, *self._of_all(features, found))
        removed, projected = Spread(), Spread()
        for batch in current.removed(self.store, self.run):
            block = vectors.matrix(batch.column("features"), FEATURES_WIDTH)
            removed.add(block)
            projected.add(block @ self.saved.components)
        return Measured(
            self.basis_run,
            self.measured.features.minus(removed).plus(features.spread),
            self.measured.coordinates.minus(projected).plus(found.spread),
        )

    def _of_all(self, features: Vectors, found: Vectors) -> tuple[Spread, Spread]:
        """Return the variances of features and coordinates, measured over all current photos."""
        if not self.is_update:
            return features.spread, found.spread
        spread, projected = Spread(), Spread()
        for batch in self.batches(("path", "features"), self.plan.features_of(self.run)):
            block = vectors.matrix(batch.column("features"), FEATURES_WIDTH)
            spread.add(block)
            projected.add(block @ self.saved.components)
        return spread, projected


def check_projections(written: Coordinates, target_variance: float) -> tuple[list[Check], Measured]:
    """Compare the coordinates that the run wrote with its manifest, the features, and the basis.

    Parameters
    ----------
    written
    target_variance
        The target variance of this run.

    Returns
    -------
    checks : list of Check
    measured : Measured
        The variance of all current photos, for the next run.
    """
    features, found = written.features(), written.coordinates()

    sample = found.sample.chosen()
    measured = written.variance(features, found)
    return [
        *_rows_of_the_manifest(written, features, found),
        *rows.shape(found, written.saved.k, "rows"),
        check_earlier(written.store, written.run, written.plan, is_update=written.is_update),
        explained_variance(written, measured, written.photos(features), target_variance),
        projected(features.sample, found.sample, written.saved),
        neighbours.check([row[2] for row in sample], [row[3] for row in sample]),
    ], measured


def _rows_of_the_manifest(written: Coordinates, features: Vectors, found: Vectors) -> list[Check]:
    """Compare paths, ETags and feature runs with the manifest."""
    store, run, plan, feature_runs = written.store, written.run, written.plan, written.feature_runs

    def expected(column: str) -> Iterator[tuple[str, str]]:
        return current.featurized(store, run, plan, feature_runs, column)

    def present() -> Iterator[tuple[str, str]]:
        return current.versions(store, run, plan, feature_runs)

    def labelled() -> Iterator[tuple[str, str]]:
        return store.rows(run.pca, ("path", "features_run"))

    paths, etags = rows.fingerprints(expected("etag"))
    return [
        *rows.one_row_each(
            paths, found.paths, lambda: expected("etag"), lambda: store.column(run.pca, "path"), "as a projection"
        ),
        rows.same_versions(etags, features.versions, lambda: expected("etag"), present),
        rows.same_versions(
            rows.fingerprints(expected("run"))[1],
            found.versions,
            lambda: expected("run"),
            labelled,
            name="feature runs of the manifest",
            what="feature run",
        ),
    ]


def _least(plan: Plan, target: float, kept: bool) -> float:
    """Return the share of the variance that must be explained: 0 for a basis that is reused by request."""
    if not kept:
        return target
    return 0.0 if plan.basis_policy == BasisPolicy.REUSE else least_explained_variance(target, plan.basis_tolerance)


def explained_variance(written: Coordinates, measured: Measured, photos: int, target: float) -> Check:
    """Check the explained variance: the variance of the projections divided by that of the features.

    The explained variance stored with a new basis must equal the measured one. A kept basis was fitted to other photos,
    so the two may differ. The variances must be those of exactly the current `photos`.
    """
    saved, kept, least = written.saved, written.is_kept, _least(written.plan, target, written.is_kept)
    found, stored = measured.explained_variance, float(saved.explained.sum())
    enough = (found or 0.0) >= least - VARIANCE_TOLERANCE
    as_stored = kept or abs((found or 0.0) - stored) <= VARIANCE_TOLERANCE
    expected = f"at least {least:.2%}" if least > 0 else "any share: reuse of the basis was requested"
    share = "no variance" if found is None else f"{found:.4%}"
    counts = (measured.features.count, measured.coordinates.count)
    of_all = counts == (photos, photos)
    return Check(
        "explained variance",
        enough and as_stored and of_all,
        expected if kept else f"{expected}, and the share stored with the basis ({stored:.4%})",
        f"{share} with k = {saved.k}",
        "" if of_all else f"{photos:,} photos; measured: features of {counts[0]:,}, coordinates of {counts[1]:,}",
        counted={"photos": photos, "k": saved.k, "explained_variance": found, "target_variance": target},
    )


def projected(features: Sample, found: Sample, saved: Basis) -> Check:
    """Compare the product of features and components with the written projections, for the sampled photos."""
    import numpy

    written = {path: vector for _, path, _, vector in found.chosen()}
    errors = {
        path: float(numpy.abs(vector @ saved.components - written[path]).max(initial=0.0))
        for _, path, _, vector in features.chosen()
        if path in written
    }
    scale = max((float(numpy.abs(vector).max(initial=0.0)) for vector in written.values()), default=0.0) or 1.0
    worst = max(errors, key=lambda path: errors[path], default="")
    is_empty = not written and not features.chosen()
    passed = is_empty or (bool(errors) and errors[worst] <= PROJECTION_TOLERANCE * scale)
    found_text = f"{errors[worst]:.1e} at most, of {len(errors):,} photos" if errors else "no photo in both tables"
    return Check(
        "projections are features times basis",
        passed,
        f"differences up to {PROJECTION_TOLERANCE * scale:.0e}",
        "no new photos" if is_empty else found_text,
        "" if passed else worst,
    )
