"""Verifies the features and the rejects that step 1 wrote: every row, and the bytes of every file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from verger_contract.schemas import FEATURES_WIDTH
from verger_contract.verification.check import Check
from verger_spark.io.feature_files import run_of
from verger_verify import neighbours, rows
from verger_verify.measures.sample import Sample, SampledPhoto
from verger_verify.measures.vectors import Vectors
from verger_verify.tables import files as tables
from verger_verify.tables import work
from verger_verify.tables.files import File
from verger_verify.tables.found import Found, Kind, Versions
from verger_verify.tables.parts import groups_of, whole
from verger_verify.tables.reader import Reader, vectors_name
from verger_verify.tables.work import Cluster

Recompute = Callable[[list[SampledPhoto]], Check]
"""Computes the features of sampled photos again from their bytes (`verger_verify.recomputed`)."""

WHERE = "as a row of features or a reject"


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Sizes of the samples: photos whose neighbours are checked, and photos that are computed again.

    `salt` decides which photos are computed again. It must not be known before the features are written.
    """

    neighbours: int
    again: int
    salt: int


@dataclass(frozen=True)
class Verified:
    """The result of a verification.

    Attributes
    ----------
    checks : list of Check
    file_lists : dict of str to str
        SHA-256 of the file list of each table, by URI.
    bytes : int
        Bytes of the files that were read as a whole.
    measured : dict or None
        The JSON object of `verger_verify.spread.Measured`.
    """

    checks: list[Check]
    file_lists: dict[str, str]
    bytes: int
    measured: dict[str, object] | None = None

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)


@dataclass(frozen=True, kw_only=True)
class Written:
    """URIs of work.parquet, and of the folders of features and rejects that step 1 wrote."""

    work: str
    features: str
    rejects: str


def verify(cluster: Cluster, of_run: Written, samples: Samples, recompute: Recompute | None) -> Verified:
    """Verify the tables of step 1.

    Parameters
    ----------
    cluster : Cluster
    of_run : Written
    samples : Samples
    recompute : callable or None
        None: no features are computed again.

    Raises
    ------
    VergerError
        work.parquet is missing, or S3 fails.
    """
    written = [tables.table(of_run.features), tables.table(of_run.rejects)]
    lists = {table.uri: table.list_sha256 for table in written if table.list_sha256}
    files = [table.check({}) for table in written]
    if not all(check.passed for check in files):
        return Verified(files, lists, 0)
    expected = groups_of(Kind.EXPECTED, of_run.work)
    parts = [
        *expected,
        *whole(Kind.FEATURES, written[0], run_of(written[0].uri)),
        *whole(Kind.FOUND, written[1]),
    ]
    photos = written[0].rows
    reader = Reader(
        new=run_of(written[0].uri),
        sample=Sample.of(samples.neighbours, photos),
        again=Sample.of(samples.again, photos, samples.salt),
    )
    found = work.over(cluster, parts, reader, Found())
    files = [table.check(found.problems) for table in written]
    if not all(check.passed for check in files):
        return Verified(files, lists, found.bytes)
    checks = [*files, *_rows(found, of_run.work, [*written[0].files, *written[1].files], reader, recompute)]
    return Verified(checks, lists, found.bytes)


def _rows(found: Found, work_table: str, files: list[File], reader: Reader, recompute: Recompute | None) -> list[Check]:
    expected, rejected = (found.versions.get(kind, Versions()) for kind in (Kind.EXPECTED, Kind.FOUND))
    name = vectors_name(Kind.FEATURES, is_new=True)
    vectors = found.vectors.get(name, Vectors(FEATURES_WIDTH, reader.sample, reader.again))

    def listed() -> Iterator[tuple[str, str]]:
        return _versions([File(work_table, 0, 0)])

    def present() -> Iterator[tuple[str, str]]:
        return _versions(files)

    sample = vectors.sample.chosen()
    return [
        *rows.one_row_each(
            expected.paths, vectors.paths.plus(rejected.paths), listed, lambda: (path for path, _ in present()), WHERE
        ),
        rows.same_versions(expected.etags, vectors.versions.plus(rejected.etags), listed, present),
        *rows.shape(vectors, FEATURES_WIDTH, {"photos": vectors.rows}),
        neighbours.check([photo.label for photo in sample], [photo.vector for photo in sample]),
        *([recompute(vectors.again.chosen())] if recompute else []),
    ]


def _versions(files: list[File]) -> Iterator[tuple[str, str]]:
    """Yield path and ETag of every row of files."""
    for batch in tables.stream(files, ["path", "etag"]):
        yield from zip(batch["path"].to_pylist(), batch["etag"].to_pylist(), strict=True)
