"""The layout of the bucket: the only module that builds keys and URIs of what Verger writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PUBLISHED = "published.json"
FEATURES, REJECTS, PCA, BASES = "features/run=", "rejects/run=", "pca/run=", "models/pca/run="
RUNS = "runs/"
KNOWN_REJECTS = f"{RUNS}known_rejects.json"
"""Names the last run that failed because of its share of rejects (see `verger.changes.known_rejects`)."""
JANITOR = "janitor/"
"""Prefix of the records of the clusters that the janitor terminated, <cluster id>.json (see `cluster_end`)."""
SPARK_EVENTS = "logs/spark-events/"
"""Prefix of Spark's event logs, one object for each application. A lifecycle rule for logs/ expires them too."""
COMPACTED_DELETES, REMOVED, DELETED = "compacted_deletes.parquet", "removed.parquet", "deleted.parquet"
STATISTICS, SUSPECTS_FILE, REFERENCE_FILE = "statistics", "suspects.parquet", "reference.parquet"
COMPACTED = "-compacted"
"""Suffix of the id of the feature run that a run compacts from older ones."""
ATTEMPT = "{attempt}"
"""Stands for the id of the attempt in the output URIs of a step, which replaces it: no attempts share a folder."""
ATTEMPT_MARK = "~"
"""Precedes the id of the attempt in the name of a folder. No run id contains it."""


@dataclass(frozen=True)
class Run:
    """The keys of one run in its bucket. `uri` turns a key into an `s3://` URI.

    Attributes
    ----------
    bucket : str
    id : str
    featurize_attempt, pca_attempt : str
        Ids of the attempts of the two steps whose folders the run uses. Empty for the folders without an attempt, as an
        earlier Verger wrote them.
    """

    bucket: str
    id: str
    featurize_attempt: str = ""
    pca_attempt: str = ""

    @property
    def folder(self) -> str:
        """Prefix of the run's own files."""
        return f"{RUNS}{self.id}/"

    @property
    def inventory(self) -> str:
        """All listed photos (see `schemas.INVENTORY`)."""
        return f"{self.folder}inventory.parquet"

    @property
    def marker(self) -> str:
        """The run marker: base_etag and started_at."""
        return f"{self.folder}run.json"

    @property
    def plan(self) -> str:
        """The plan for the steps (see `plan.StepPlan`)."""
        return f"{self.folder}plan.json"

    @property
    def cluster(self) -> str:
        """The planned size of the cluster, with minutes and cost (see `verger.cluster_plan.plan.ClusterPlan`)."""
        return f"{self.folder}cluster.json"

    @property
    def work(self) -> str:
        """The photos to featurize (see `schemas.INVENTORY`)."""
        return f"{self.folder}work.parquet"

    @property
    def deletes(self) -> str:
        """The deleted rows of the feature runs that stay (see `schemas.DELETES`)."""
        return f"{self.folder}deletes.parquet"

    @property
    def compacted_deletes(self) -> str:
        """The deleted rows of the feature runs that are compacted (see `schemas.DELETES`)."""
        return f"{self.folder}{COMPACTED_DELETES}"

    @property
    def removed(self) -> str:
        """The rows of published feature runs that this run deletes (see `schemas.DELETES`)."""
        return f"{self.folder}{REMOVED}"

    @property
    def manifest(self) -> str:
        """The state of every listed photo (see `schemas.MANIFEST`)."""
        return f"{self.folder}manifest.parquet"

    @property
    def manifest_delta(self) -> str:
        """The rows of the manifest that differ from those of earlier runs (see `schemas.MANIFEST`)."""
        return f"{self.folder}manifest_delta.parquet"

    @property
    def deleted(self) -> str:
        """The published photos that are no longer listed (see `schemas.DELETED`)."""
        return f"{self.folder}{DELETED}"

    @property
    def drift(self) -> str:
        """Prefix of the table of drift (see `schemas.DRIFT`)."""
        return f"{self.folder}{with_attempt('drift', self.pca_attempt)}/"

    @property
    def statistics(self) -> str:
        """Prefix of moments.bin and labels.parquet: sums over all current photos, which the next run updates."""
        return statistics(with_attempt(self.id, self.pca_attempt))

    @property
    def suspects(self) -> str:
        """Prefix of suspects.parquet and reference.parquet (see `schemas.SUSPECTS`)."""
        return f"{self.folder}{with_attempt('suspects', self.pca_attempt)}/"

    @property
    def moments(self) -> str:
        """Count, sum and Gram matrix of the features of all current photos."""
        return f"{self.statistics}moments.bin"

    @property
    def label_sums(self) -> str:
        """The sums of each label over all current photos (see `schemas.LABEL_SUMS`)."""
        return f"{self.statistics}labels.parquet"

    @property
    def spread(self) -> str:
        """The variance of features and coordinates as the checks measured it, which the next run updates."""
        return f"{self.folder}spread.json"

    @property
    def compacted(self) -> str:
        """Name of the feature run that this run compacts from older ones, without an attempt."""
        return f"{self.id}{COMPACTED}"

    @property
    def progress(self) -> str:
        """How many photos the running step has done (see `metrics.Progress`)."""
        return f"{self.folder}progress.json"

    @property
    def steps(self) -> str:
        """Prefix of the records of the submitted steps, <step id>.json: step, cluster, step_id, submitted_at."""
        return f"{self.folder}steps/"

    @property
    def validation(self) -> str:
        """The results of the checks (see `report.CheckRow`)."""
        return f"{self.folder}validation.json"

    @property
    def report(self) -> str:
        """The report as a page."""
        return f"{self.folder}report.html"

    @property
    def report_facts(self) -> str:
        """The report as JSON (see `report.Report`)."""
        return f"{self.folder}report.json"

    @property
    def failure(self) -> str:
        """Why the run failed (see `report.Report`). A published run has no such file."""
        return f"{self.folder}failure.json"

    @property
    def features(self) -> str:
        """Prefix of the features that the run computed (see `schemas.FEATURES`)."""
        return f"{FEATURES}{with_attempt(self.id, self.featurize_attempt)}/"

    @property
    def rejects(self) -> str:
        """Prefix of the table of rejects (see `schemas.REJECTS`)."""
        return f"{REJECTS}{with_attempt(self.id, self.featurize_attempt)}/"

    @property
    def pca(self) -> str:
        """Prefix of the coordinates that the run wrote (see `schemas.PCA`)."""
        return f"{PCA}{with_attempt(self.id, self.pca_attempt)}/"

    @property
    def basis(self) -> str:
        """Prefix of the PCA basis, if the run fitted one (see `pca_model`)."""
        return f"{BASES}{with_attempt(self.id, self.pca_attempt)}/"

    def metrics(self, step: str) -> str:
        """Return the key of the metrics of a step (see `metrics`), or of a verdict (see `verification.verdict`)."""
        return f"{self.folder}{step}.json"

    def uri(self, key: str) -> str:
        """Return the URI of a key in the bucket of the run."""
        return uri(self.bucket, key)


def statistics(name: str) -> str:
    """Return the prefix of the statistics of a run, given as `<id>~<attempt>`.

    Examples
    --------
    >>> statistics("scheduled-7~0a1b2c3d")
    'runs/scheduled-7/statistics~0a1b2c3d/'
    """
    run, mark, attempt = name.partition(ATTEMPT_MARK)
    return f"{RUNS}{run}/{STATISTICS}{mark}{attempt}/"


def with_attempt(name: str, attempt: str) -> str:
    """Return the name of a folder of an attempt. Without an attempt the name stays.

    Examples
    --------
    >>> with_attempt("scheduled-7", "0a1b2c3d"), with_attempt("scheduled-7", "")
    ('scheduled-7~0a1b2c3d', 'scheduled-7')
    """
    return f"{name}{ATTEMPT_MARK}{attempt}" if attempt else name


def attempt_of(name: str) -> str:
    """Return the id of the attempt in the name of a folder; empty without one.

    Examples
    --------
    >>> attempt_of("scheduled-7~0a1b2c3d"), attempt_of("scheduled-7")
    ('0a1b2c3d', '')
    """
    return name.partition(ATTEMPT_MARK)[2]


def of_attempt(folder: str) -> str:
    """Return the prefix or URI to which each attempt of a step writes, with ``ATTEMPT`` in place of its id.

    Examples
    --------
    >>> of_attempt("features/run=scheduled-7/")
    'features/run=scheduled-7~{attempt}/'
    """
    return f"{folder.rstrip('/')}{ATTEMPT_MARK}{ATTEMPT}/"


def owner(name: str) -> str:
    """Return the id of the run that wrote a folder `run=<name>`.

    Examples
    --------
    >>> [owner(name) for name in ("scheduled-7-compacted~0a1b2c3d", "scheduled-7~0a1b2c3d", "scheduled-7")]
    ['scheduled-7', 'scheduled-7', 'scheduled-7']
    """
    return name.partition(ATTEMPT_MARK)[0].removesuffix(COMPACTED)


def name_of(folder: str) -> str:
    """Return the name in a prefix or URI that ends in `run=<name>/`.

    Examples
    --------
    >>> name_of("s3://orchard/features/run=scheduled-7~0a1b2c3d/")
    'scheduled-7~0a1b2c3d'
    """
    return folder.rstrip("/").rpartition("/run=")[2]


def artifacts(sha256: str) -> str:
    """Return the prefix of an artifact set, without a slash at the end."""
    return f"artifacts/{sha256}"


def janitor_record(cluster: str) -> str:
    """Return the key of the record of a cluster that the janitor terminated (see `cluster_end`)."""
    return f"{JANITOR}{cluster}.json"


def s3_scheme(address: str) -> str:
    """Return a URI with the scheme s3 in place of s3n, the scheme that EMR gives the `LogUri` of a cluster.

    Examples
    --------
    >>> s3_scheme("s3n://orchard/logs/")
    's3://orchard/logs/'
    """
    return f"s3{address.removeprefix('s3n')}" if address.startswith("s3n://") else address


def uri(bucket: str, key: str) -> str:
    """Return the `s3://` URI of a key."""
    return f"s3://{bucket}/{key}"


def manifest_keys(bucket: str, runs: Sequence[str]) -> list[str]:
    """Return the keys of a manifest: the whole table of the first run, and the deltas of the others.

    Examples
    --------
    >>> manifest_keys("orchard", ["A", "B"])
    ['runs/A/manifest.parquet', 'runs/B/manifest_delta.parquet']
    """
    return [Run(bucket, run).manifest_delta if number else Run(bucket, run).manifest for number, run in enumerate(runs)]
