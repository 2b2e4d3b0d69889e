"""Keep or refit: every case of the decision, and the sentence that explains it."""

from __future__ import annotations

import pytest

from verger_contract.errors import VergerError
from verger_contract.plan import BasisPolicy, BasisRequest
from verger_spark.pca.policy import Decision, PublishedBasis, decide

AT = "s3://bucket/models/pca/run=A"
FINDING = "the published basis (k = 64) explains {} of the variance of all current photos"
NOTHING = "the published basis (k = 64) explains nothing: the current photos have no variance"


@pytest.mark.parametrize(
    ("policy", "share", "target", "keep", "reason"),
    [
        (BasisPolicy.AUTO, 0.91347, 0.9, True, FINDING.format("0.9135") + ", target 0.9"),
        (BasisPolicy.AUTO, 0.9, 0.9, True, FINDING.format("0.9000") + ", target 0.9"),
        (BasisPolicy.AUTO, 0.9 - 1e-12, 0.9, True, FINDING.format("0.9000") + ", target 0.9"),
        (BasisPolicy.AUTO, 1 - 1e-12, 1.0, True, FINDING.format("1.0000") + ", target 1"),
        (BasisPolicy.AUTO, 0.89999, 0.9, False, FINDING.format("0.89999") + ", less than the target 0.9"),
        (BasisPolicy.AUTO, 0.9 - 5e-9, 0.9, False, FINDING.format("0.899999995") + ", less than the target 0.9"),
        (BasisPolicy.AUTO, 0.900041, 0.90004, True, FINDING.format("0.90004") + ", target 0.90004"),
        (BasisPolicy.AUTO, 0.2, 0.9, False, FINDING.format("0.2000") + ", less than the target 0.9"),
        (BasisPolicy.AUTO, None, 0.9, False, NOTHING + ", less than the target 0.9"),
        (BasisPolicy.REUSE, 0.95, 0.9, True, "the policy is reuse: " + FINDING.format("0.9500") + " (target 0.9)"),
        (BasisPolicy.REUSE, 0.2, 0.9, True, "the policy is reuse: " + FINDING.format("0.2000") + " (target 0.9)"),
        (BasisPolicy.REUSE, None, 0.9, True, "the policy is reuse: " + NOTHING + " (target 0.9)"),
    ],
)
def test_with_a_published_basis(
    policy: BasisPolicy, share: float | None, target: float, keep: bool, reason: str
) -> None:
    request = BasisRequest(policy=policy, published=AT)
    assert request.candidate == AT
    assert decide(request, PublishedBasis(64, share), target, 1280) == Decision(keep, reason)


def test_a_kept_basis_may_miss_the_target_by_the_tolerance() -> None:
    request = BasisRequest(policy=BasisPolicy.AUTO, published=AT, tolerance=0.01)
    aim = "target 0.9 less the tolerance 0.01"
    assert decide(request, PublishedBasis(64, 0.8901), 0.9, 1280) == Decision(
        True, f"{FINDING.format('0.8901')}, {aim}"
    )
    assert decide(request, PublishedBasis(64, 0.89), 0.9, 1280).keep
    refit = Decision(False, f"{FINDING.format('0.88999')}, less than the {aim}")
    assert decide(request, PublishedBasis(64, 0.88999), 0.9, 1280) == refit


def test_a_basis_with_more_components_than_allowed_is_refitted() -> None:
    request, published = BasisRequest(policy=BasisPolicy.AUTO, published=AT), PublishedBasis(64, 0.95)
    assert decide(request, published, 0.9, 64).keep
    refit = Decision(False, "the published basis has 64 components, 63 are allowed")
    assert decide(request, published, 0.9, 63) == refit
    assert decide(BasisRequest(policy=BasisPolicy.REUSE, published=AT), published, 0.9, 63).keep, "reuse means reuse"


@pytest.mark.parametrize(("given", "reason"), [("", "no basis is published yet"), ("the model changed",) * 2])
def test_without_a_published_basis(given: str, reason: str) -> None:
    assert decide(BasisRequest(policy=BasisPolicy.AUTO, reason=given), None, 0.9, 1280) == Decision(False, reason)
    with pytest.raises(VergerError, match=f"reuse: expected a published basis: {reason}; use auto or refit"):
        decide(BasisRequest(policy=BasisPolicy.REUSE, reason=given), None, 0.9, 1280)


@pytest.mark.parametrize("published", [None, AT])
@pytest.mark.parametrize(("given", "reason"), [("", "the policy is refit"), ("requested", "requested")])
def test_refit_ignores_the_published_basis(published: str | None, given: str, reason: str) -> None:
    request = BasisRequest(policy=BasisPolicy.REFIT, published=published, reason=given)
    assert request.candidate is None
    assert decide(request, None, 0.9, 1280) == Decision(False, reason)
