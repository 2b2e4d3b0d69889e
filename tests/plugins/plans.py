"""A plan for tests that need one without a comparison."""

from __future__ import annotations

from verger.changes.plan import Plan
from verger.changes.rewrites.coordinates import Coordinates
from verger.cluster_plan.plan import ClusterPlan
from verger.publication.model import FeatureRun


def plan(*keep: FeatureRun, policy: str = "auto") -> Plan:
    """Return the plan of a run with new photos that keeps these feature runs."""
    return Plan(
        work=True,
        why="of a test",
        photos={"listed": 120, "new": 120},
        cluster=ClusterPlan(core=1, task=1, data_gib=64, photos=0, bytes=0, listed=0),
        etag=None,
        model_sha256="ab" * 32,
        preprocessing="2-exact",
        decoding="exact",
        images_prefix="images/",
        full_refresh=False,
        retry_all_rejects=False,
        keep=keep,
        compact=(),
        into=None,
        coordinates=Coordinates(statistics=None, since_full_pass=0, keep=(), again=tuple(table.run for table in keep)),
        basis_policy=policy,
        basis=None,
        basis_reason="",
        basis_target=0.9,
        basis_tolerance=0.01,
    )
