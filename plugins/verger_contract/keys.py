"""Where everything lies: the one place that builds keys and URIs (docs/architecture.md lists them)."""

from __future__ import annotations

from dataclasses import dataclass

PUBLISHED = "published.json"
FEATURES, REJECTS, PCA, BASES = "features/run=", "rejects/run=", "pca/run=", "models/pca/run="
RUNS = "runs/"
SPARK_EVENTS = "logs/spark-events/"
"""Spark's event logs, one object an application. Among the logs: whatever rule expires those expires these too."""
COMPACTED_DELETES = "compacted_deletes.parquet"
COMPACTED = "-compacted"
"""Ends the id of the feature run that a run makes of older ones."""


@dataclass(frozen=True)
class Run:
    """The keys of one run in its bucket. `uri` turns a key into an `s3://` address."""

    bucket: str
    id: str

    @property
    def folder(self) -> str:
        return f"{RUNS}{self.id}/"

    @property
    def inventory(self) -> str:
        return f"{RUNS}{self.id}/inventory.parquet"

    @property
    def marker(self) -> str:
        return f"{RUNS}{self.id}/run.json"

    @property
    def plan(self) -> str:
        return f"{RUNS}{self.id}/plan.json"

    @property
    def work(self) -> str:
        return f"{RUNS}{self.id}/work.parquet"

    @property
    def deletes(self) -> str:
        return f"{RUNS}{self.id}/deletes.parquet"

    @property
    def compacted_deletes(self) -> str:
        return f"{RUNS}{self.id}/{COMPACTED_DELETES}"

    @property
    def manifest(self) -> str:
        return f"{RUNS}{self.id}/manifest.parquet"

    @property
    def drift(self) -> str:
        return f"{RUNS}{self.id}/drift/"

    @property
    def compacted(self) -> str:
        """Id of the feature run that holds what this run rewrote of older ones."""
        return f"{self.id}{COMPACTED}"

    @property
    def progress(self) -> str:
        return f"{RUNS}{self.id}/progress.json"

    @property
    def steps(self) -> str:
        """Prefix of what says which steps the run submitted, to which cluster."""
        return f"{RUNS}{self.id}/steps/"

    @property
    def validation(self) -> str:
        return f"{RUNS}{self.id}/validation.json"

    @property
    def report(self) -> str:
        return f"{RUNS}{self.id}/report.html"

    @property
    def report_facts(self) -> str:
        return f"{RUNS}{self.id}/report.json"

    @property
    def failure(self) -> str:
        """Why the run failed, and what is known of it; there is none of a run that was published."""
        return f"{RUNS}{self.id}/failure.json"

    @property
    def features(self) -> str:
        return f"{FEATURES}{self.id}/"

    @property
    def rejects(self) -> str:
        return f"{REJECTS}{self.id}/"

    @property
    def pca(self) -> str:
        return f"{PCA}{self.id}/"

    @property
    def basis(self) -> str:
        return f"{BASES}{self.id}/"

    def metrics(self, stage: str) -> str:
        return f"{RUNS}{self.id}/{stage}.json"

    def uri(self, key: str) -> str:
        return uri(self.bucket, key)


def owner(feature_run: str) -> str:
    """The run that wrote a feature run: itself, or the one that compacted it."""
    return feature_run.removesuffix(COMPACTED)


def artifacts(sha256: str) -> str:
    """Key prefix of one artifact set."""
    return f"artifacts/{sha256}"


def s3_scheme(address: str) -> str:
    """Return a URI with the scheme s3 in place of s3n, the scheme that EMR gives the `LogUri` of a cluster.

    Examples
    --------
    >>> s3_scheme("s3n://orchard/logs/")
    's3://orchard/logs/'
    """
    return f"s3{address.removeprefix('s3n')}" if address.startswith("s3n://") else address


def uri(bucket: str, key: str) -> str:
    return f"s3://{bucket}/{key}"
