"""The facts of a run: what report.json says. Figures and labels, no photo's name: that file stays for good."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from verger.context import RunContext
from verger.publication import commit
from verger.publication.model import Snapshot
from verger.report import warnings
from verger.settings import Settings
from verger_contract.keys import PUBLISHED, Run

LABELS = 1000
"""Labels in report.json, the oddest first."""

HIDDEN = ("aws_conn_id", "artifacts_dir", "service_role", "node_role", "subnet_ids", "security_configuration")
"""Settings that say who may do what and where, not how the result came about."""

PUBLISHED_STATE, FAILED_STATE = "published", "failed"


@dataclass(frozen=True)
class AirflowFacts:
    """What Airflow and EMR say of the run.

    stages: each with stage, state, seconds, start and end (ISO 8601, or None), in the order of the DAG
    asked: the parameters of the DAG run
    cost: see `verger.emr.cost`; None where no cluster was launched or EMR could not be asked
    versions: of what ran in Airflow
    """

    tasks: Sequence[Mapping[str, Any]] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    cost: Mapping[str, Any] | None = None
    versions: Mapping[str, str] = field(default_factory=dict)


def of_published(
    run_context: RunContext, airflow_facts: AirflowFacts, labels: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What happened, from the publication, the plan, the metrics of the steps and the checks.

    `labels`: of `labels.read`. Raises PublicationError when the run is not among the publications that are kept.
    """
    published, run = _snapshot(run_context), run_context.run
    facts = {
        **published.facts(),
        "state": PUBLISHED_STATE,
        **_written(run_context, airflow_facts),
        "basis_kept": published.basis != run.id,
        "variance": _variance(run_context, str(published.basis)),
        "labels": {"count": len(labels), "shown": list(labels[:LABELS])},
        "locations": {
            "projections": run.uri(run.pca),
            "features": [run.uri(Run(run.bucket, features.run).features) for features in published.features],
            "rejects": run.uri(run.rejects),
            "basis": run.uri(Run(run.bucket, str(published.basis)).basis),
            "manifest": run.uri(run.manifest),
            "inventory": run.uri(run.inventory),
            "drift": run.uri(run.drift),
            "checks": run.uri(run.validation),
            "publication": run.uri(PUBLISHED),
            "report": run.uri(run.report),
        },
    }
    facts["inventory"] = published.changes.get("listed")
    limits, tolerance = run_context.settings.validation, run_context.settings.pca.basis_tolerance
    return {**facts, "warnings": warnings.odd(facts, labels, limits, tolerance)}


def of_failed(run_context: RunContext, airflow_facts: AirflowFacts, failure: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a run that failed, as far as it is known; what is not is None.

    `failure`: task, error and at of the first failure; `also` has those after it.
    """
    run, plan = run_context.run, run_context.read_json(run_context.run.plan) or {}
    facts = {
        **dict.fromkeys(field.name for field in dataclasses.fields(Snapshot)),
        "run": run.id,
        "state": FAILED_STATE,
        "failure": dict(failure),
        **_written(run_context, airflow_facts),
        "changes": plan.get("photos", {}),
        "inventory": plan.get("photos", {}).get("listed"),
        "target_variance": airflow_facts.params.get("target_variance"),
        "basis_kept": None,
        "variance": None,
        "labels": {"count": 0, "shown": []},
        "locations": {
            "inventory": run.uri(run.inventory),
            "plan": run.uri(run.plan),
            "checks": run.uri(run.validation),
            "logs": run.uri(run_context.settings.cluster.log_prefix),
            "publication": run.uri(PUBLISHED),
            "report": run.uri(run.report),
        },
    }
    limits, tolerance = run_context.settings.validation, run_context.settings.pca.basis_tolerance
    return {**facts, "warnings": warnings.odd(facts, [], limits, tolerance)}


def _written(run_context: RunContext, airflow_facts: AirflowFacts) -> dict[str, Any]:
    """What the tasks and steps left in the run's folder, and what Airflow and EMR say."""
    run = run_context.run
    featurize, pca = (run_context.read_json(run.metrics(stage)) or {} for stage in ("featurize", "pca"))
    plan = run_context.read_json(run.plan) or {}
    return {
        "why": plan.get("why", ""),
        "rejects": featurize.get("rejects", {}),
        "featurized": featurize.get("featurized"),
        "photos_per_second": featurize.get("photos_per_second"),
        "seconds": {"featurize": featurize.get("seconds", {}), "pca": pca.get("seconds", {})},
        "tasks": list(airflow_facts.tasks),
        "cost": airflow_facts.cost,
        "drift": pca.get("drift") or {},
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


def _snapshot(run_context: RunContext) -> Snapshot:
    run, now = run_context.run, commit.current(run_context.client, run_context.run.bucket)
    found = next((kept for kept in now.publication.kept if kept.run == run.id), None) if now else None
    if found is None:
        raise commit.PublicationError(
            f"{run.uri(PUBLISHED)}: expected run {run.id} among the publications that are kept, found it is not; "
            "there is nothing to report"
        )
    return found


def _variance(run_context: RunContext, basis: str) -> dict[str, Any] | None:
    """Cumulative shares of the variance by number of components: `tonight` of all current photos along the basis, the
    whole spectrum when it was fitted to them; `fitted` of the photos that a kept basis was fitted to. None where the
    photos have no variance.
    """
    run = run_context.run
    shares = (run_context.read_json(run.metrics("pca")) or {}).get("explained_variance_ratio")
    if not shares:
        return None
    kept = Run(run.bucket, basis).basis
    spectrum = (run_context.read_json(f"{kept}spectrum.json") or {}).get("explained_variance_ratio")
    if basis == run.id:
        return {"current": cumulative(spectrum or shares), "fitted": None}
    return {"current": cumulative(shares), "fitted": cumulative(spectrum) if spectrum else None}


def cumulative(shares: Sequence[float]) -> list[float]:
    """Running sum, to the millionth."""
    return [round(share, 6) for share in itertools.accumulate(shares)]


def in_force(settings: Settings) -> dict[str, dict[str, Any]]:
    """The settings by group, but for HIDDEN. (None is a secret: credentials are Airflow's, never Verger's.)"""
    return {
        group: {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}
        for group, fields in (
            (group, {name: value for name, value in fields.items() if name not in HIDDEN})
            for group, fields in dataclasses.asdict(settings).items()
        )
    }
