"""The layout of the bucket: the only module that builds keys and URIs of what Verger writes."""

from __future__ import annotations

from dataclasses import dataclass

PUBLISHED = "published.json"
FEATURES, REJECTS, PCA, BASES = "features/run=", "rejects/run=", "pca/run=", "models/pca/run="
RUNS = "runs/"
JANITOR = "janitor/"
"""Prefix of the records of the clusters that the janitor terminated, <cluster id>.json (see `cluster_end`)."""
SPARK_EVENTS = "logs/spark-events/"
"""Prefix of Spark's event logs, one object for each application. A lifecycle rule for logs/ expires them too."""

COMPACTED_DELETES = "compacted_deletes.parquet"
COMPACTED = "-compacted"
"""Suffix of the id of the feature run that a run compacts from older ones."""


@dataclass(frozen=True)
class Run:
    """The keys of one run in its bucket. `uri` turns a key into an `s3://` URI."""

    bucket: str
    id: str

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
    def manifest(self) -> str:
        """The state of every listed photo (see `schemas.MANIFEST`)."""
        return f"{self.folder}manifest.parquet"

    @property
    def drift(self) -> str:
        """Prefix of the table of drift (see `schemas.DRIFT`)."""
        return f"{self.folder}drift/"

    @property
    def compacted(self) -> str:
        """Id of the feature run that this run compacts from older ones."""
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
        return f"{FEATURES}{self.id}/"

    @property
    def rejects(self) -> str:
        """Prefix of the table of rejects (see `schemas.REJECTS`)."""
        return f"{REJECTS}{self.id}/"

    @property
    def pca(self) -> str:
        """Prefix of the coordinates of all current photos (see `schemas.PCA`)."""
        return f"{PCA}{self.id}/"

    @property
    def basis(self) -> str:
        """Prefix of the PCA basis, if the run fitted one (see `pca_model`)."""
        return f"{BASES}{self.id}/"

    def metrics(self, step: str) -> str:
        """Return the key of the metrics of a step, featurize or pca (see `metrics`)."""
        return f"{self.folder}{step}.json"

    def uri(self, key: str) -> str:
        """Return the URI of a key in the bucket of the run."""
        return uri(self.bucket, key)


def owner(feature_run: str) -> str:
    """Return the id of the run that wrote a feature run.

    Examples
    --------
    >>> owner("scheduled-7-compacted"), owner("scheduled-7")
    ('scheduled-7', 'scheduled-7')
    """
    return feature_run.removesuffix(COMPACTED)


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
