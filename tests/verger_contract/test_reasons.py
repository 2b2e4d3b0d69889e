"""Rejects that a later run tries again."""

from __future__ import annotations

from verger_contract.reasons import REPEATED_BY_THE_STEP, RETRIED, RETRIED_WITH_OTHER_WORK, RejectKind


def test_a_reject_is_retried_by_one_rule_at_most() -> None:
    assert set() == RETRIED & RETRIED_WITH_OTHER_WORK
    assert REPEATED_BY_THE_STEP <= RETRIED | RETRIED_WITH_OTHER_WORK


def test_a_restored_object_is_retried_and_never_launches_a_cluster_alone() -> None:
    assert RejectKind.ARCHIVED in RETRIED_WITH_OTHER_WORK
    assert RejectKind.CUSTOMER_KEY not in RETRIED | RETRIED_WITH_OTHER_WORK, "another encryption has another ETag"


def test_kinds_are_found_in_tables_and_json_as_text() -> None:
    assert {"access denied"} & REPEATED_BY_THE_STEP == {RejectKind.ACCESS_DENIED}
