"""Builds report.json and failure.json. They hold figures and labels, and no name of a photo: report.json is kept."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from verger.cluster_plan.plan import ClusterPlan
from verger.context import RunContext
from verger.publication import commit, coordinates
from verger.publication.model import Snapshot
from verger.report import warnings
from verger.report.thresholds import Limits
from verger.settings import Settings
from verger_contract.keys import PUBLISHED, Run, attempt_of, manifest_keys, owner
from verger_contract.report import (
    Cost,
    Drift,
    LabelRow,
    PlannedCluster,
    Report,
    RunRecord,
    SnapshotFacts,
    SuspectFacts,
    TaskFacts,
    TaskFailure,
    Variance,
)

LABELS = 1000
"""Labels in report.json; those that need attention come first."""

HIDDEN = (
    "aws_conn_id",
    "artifacts_dir",
    "artifacts_uri",
    "service_role",
    "node_role",
    "subnet_ids",
    "security_configuration",
    "primary_security_group",
    "worker_security_group",
    "service_security_group",
    "sns_topic",
)
"""Settings that describe the account and its network, not how the result was computed."""

PUBLISHED_STATE, FAILED_STATE, STOPPED_STATE = "published", "failed", "stopped"


@dataclass(frozen=True)
class AirflowFacts:
    """The facts that only Airflow and EMR have.

    Attributes
    ----------
    tasks : sequence of TaskFacts
        The tasks that have ended, in the order of the DAG.
    params : mapping of str to Any
        The parameters of the DAG run.
    cost : Cost or None
        None where no cluster was launched, or EMR could not be read.
    versions : mapping of str to str
        Versions of the software that runs in Airflow.
    """

    tasks: Sequence[TaskFacts] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    cost: Cost | None = None
    versions: Mapping[str, str] = field(default_factory=dict)


def of_published(
    run_context: RunContext,
    airflow_facts: AirflowFacts,
    labels: Sequence[LabelRow],
    suspects: SuspectFacts | None = None,
) -> Report:
    """Build report.json from the publication, the plan, the metrics of the steps and the checks.

    `labels` is the result of `labels.read`, `suspects` that of `suspects.table.facts`.

    Raises
    ------
    PublicationError
        The run is not among the kept snapshots.
    """
    snapshot, run = published_snapshot(run_context), run_context.run
    report: Report = {
        **_snapshot_facts(snapshot),
        **_record(run_context, airflow_facts),
        "run": run.id,
        "state": PUBLISHED_STATE,
        "failure": None,
        "changes": dict(snapshot.changes),
        "inventory": snapshot.changes.get("listed"),
        "basis_kept": owner(str(snapshot.basis)) != run.id,
        "variance": _variance(run_context, str(snapshot.basis)),
        "labels": {"count": len(labels), "shown": list(labels[:LABELS])},
        "suspects": suspects,
        "locations": {
            "projections": [run.uri(prefix) for prefix in coordinates.prefixes(run.bucket, snapshot)],
            "features": [run.uri(Run(run.bucket, features.run).features) for features in snapshot.features],
            "rejects": run.uri(run.rejects),
            "basis": run.uri(Run(run.bucket, str(snapshot.basis)).basis),
            "manifest": [run.uri(key) for key in manifest_keys(run.bucket, [part.run for part in snapshot.manifest])],
            "inventory": run.uri(run.inventory),
            "drift": run.uri(run.drift),
            **({"suspects": run.uri(run.suspects)} if suspects else {}),
            **_shared_locations(run),
        },
        "warnings": [],
    }
    report["warnings"] = warnings.find(warnings.figures(report, labels), Limits.of(run_context.settings))
    return report


def of_failed(
    run_context: RunContext, airflow_facts: AirflowFacts, failure: TaskFailure, state: str = FAILED_STATE
) -> Report:
    """Build failure.json of a run that failed or was stopped. Members that need a publication are None."""
    run = run_context.run
    report: Report = {
        **_no_snapshot(airflow_facts.params.get("target_variance")),
        **_record(run_context, airflow_facts),
        "run": run.id,
        "state": state,
        "failure": failure,
        "basis_kept": None,
        "variance": None,
        "labels": {"count": 0, "shown": []},
        "locations": {
            "inventory": run.uri(run.inventory),
            "plan": run.uri(run.plan),
            "logs": run.uri(run_context.settings.cluster.log_prefix),
            **_shared_locations(run),
        },
        "warnings": [],
    }
    report["warnings"] = warnings.find(warnings.figures(report, []), Limits.of(run_context.settings))
    return report


def _shared_locations(run: Run) -> dict[str, str]:
    return {"checks": run.uri(run.validation), "publication": run.uri(PUBLISHED), "report": run.uri(run.report)}


def _snapshot_facts(snapshot: Snapshot) -> SnapshotFacts:
    return {
        "published_at": snapshot.published_at,
        "photos": snapshot.photos,
        "rejected": snapshot.rejected,
        "k": snapshot.k,
        "target_variance": snapshot.target_variance,
        "explained_variance": snapshot.explained_variance,
        "features": [dataclasses.asdict(features) for features in snapshot.features],
        "pca": [dataclasses.asdict(table) for table in snapshot.pca],
        "basis": snapshot.basis,
        "basis_reason": snapshot.basis_reason,
        "basis_target": snapshot.basis_target,
        "model": dict(snapshot.model),
        "artifacts": snapshot.artifacts,
        "images_prefix": snapshot.images_prefix,
        "rolled_back_from": snapshot.rolled_back_from,
        "superseded_at": snapshot.superseded_at,
    }


def _no_snapshot(target_variance: float | None) -> SnapshotFacts:
    return {
        "published_at": None,
        "photos": None,
        "rejected": None,
        "k": None,
        "target_variance": target_variance,
        "explained_variance": None,
        "features": None,
        "pca": None,
        "basis": None,
        "basis_reason": None,
        "basis_target": None,
        "model": None,
        "artifacts": None,
        "images_prefix": None,
        "rolled_back_from": None,
        "superseded_at": None,
    }


def _record(run_context: RunContext, airflow_facts: AirflowFacts) -> RunRecord:
    """Read what the tasks and steps left in the run's folder, and add the facts of Airflow."""
    run = run_context.run
    featurize, pca = (run_context.read_json(run.metrics(step)) or {} for step in ("featurize", "pca"))
    plan = run_context.read_json(run.plan) or {}
    changes = plan.get("photos", {})
    return {
        "changes": changes,
        "inventory": changes.get("listed"),
        "why": plan.get("why", ""),
        "rejects": featurize.get("rejects", {}),
        "featurized": featurize.get("featurized"),
        "photos_per_second": featurize.get("photos_per_second"),
        "seconds": {"featurize": featurize.get("seconds", {}), "pca": pca.get("seconds", {})},
        "tasks": list(airflow_facts.tasks),
        "cost": airflow_facts.cost,
        "planned": planned(run_context.read_json(run.cluster), airflow_facts) if plan.get("work") else None,
        "drift": pca.get("drift") or Drift(),
        "suspects": None,
        "compacted": pca.get("compacted", 0),
        "checks": run_context.read_json(run.validation) or {},
        "params": dict(airflow_facts.params),
        "settings": in_force(run_context.settings),
        "versions": {
            "EMR release": run_context.settings.cluster.release_label,
            "Spark": pca.get("spark") or featurize.get("spark") or "unknown",
            **airflow_facts.versions,
        },
    }


def planned(content: Any, airflow_facts: AirflowFacts) -> PlannedCluster | None:
    """Return the planned cluster of a parsed cluster.json and the minutes that it took; None without a plan."""
    if not isinstance(content, Mapping):
        return None
    found = ClusterPlan.parse(content)
    begin = next((row["start"] for row in airflow_facts.tasks if row["task"] == "create_cluster"), None)
    end = next((row["end"] for row in airflow_facts.tasks if row["task"] == "check_projections"), None)
    took = datetime.fromisoformat(end) - datetime.fromisoformat(begin) if begin and end else None
    return {
        "workers": found.workers,
        "photos": found.photos,
        "minutes": found.minutes,
        "cost": found.cost,
        "took_minutes": took.total_seconds() / 60 if took else None,
    }


def of_snapshot(run_context: RunContext, snapshot: Snapshot) -> RunContext:
    """Return the context with the keys of the attempts that the run published."""
    attempts = {"featurize_attempt": attempt_of(snapshot.rejects or ""), "pca_attempt": snapshot.pca_attempt}
    return dataclasses.replace(run_context, run=dataclasses.replace(run_context.run, **attempts))


def published_snapshot(run_context: RunContext) -> Snapshot:
    """Return the snapshot of the run.

    Raises
    ------
    PublicationError
        The run is not among the kept snapshots.
    """
    run, current = run_context.run, commit.current(run_context.client, run_context.run.bucket)
    found = next((kept for kept in current.publication.kept if kept.run == run.id), None) if current else None
    if found is None:
        raise commit.PublicationError(
            f"{run.uri(PUBLISHED)}: expected run {run.id} among the kept snapshots, found it is not; "
            "there is nothing to report; clear publish with its downstream tasks if a user marked it as success"
        )
    return found


def _variance(run_context: RunContext, basis: str) -> Variance | None:
    """Cumulative explained variance; None where the photos have no variance.

    A basis that this run fitted has a complete spectrum. A kept basis explains its own components alone.
    """
    run = run_context.run
    shares = (run_context.read_json(run.metrics("pca")) or {}).get("explained_variance_ratio")
    if not shares:
        return None
    kept = Run(run.bucket, basis).basis
    spectrum = (run_context.read_json(f"{kept}spectrum.json") or {}).get("explained_variance_ratio")
    if owner(basis) == run.id:
        return {"current": cumulative(spectrum or shares), "fitted": None}
    return {"current": cumulative(shares), "fitted": cumulative(spectrum) if spectrum else None}


def cumulative(shares: Sequence[float]) -> list[float]:
    """Return the running sum, rounded to six digits."""
    return [round(share, 6) for share in itertools.accumulate(shares)]


def in_force(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return the settings by group, without HIDDEN. No setting is a secret: credentials belong to Airflow."""
    return {
        group: {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}
        for group, fields in (
            (group, {name: value for name, value in fields.items() if name not in HIDDEN})
            for group, fields in dataclasses.asdict(settings).items()
        )
    }
