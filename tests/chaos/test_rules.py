from __future__ import annotations

from dataclasses import replace

from chaos.harness.judge import Verdict
from chaos.rules import Seen, data_changed, truth, whole
from chaos.scenario import Scenario

FAULT = Scenario("family.name", "a fault", lambda trial: None)
DONE = {"publish": {"task_id": "publish", "state": "success", "end_date": "1"}}
PUBLISHED = Seen("success", DONE, "published", "")
FAILED = Seen("failed", {"pca_done": {"task_id": "pca_done", "state": "failed", "end_date": "1"}}, "failed", "why")


def test_a_run_that_published_and_one_that_failed_are_true() -> None:
    assert truth(FAULT, PUBLISHED, True) == []
    assert truth(FAULT, FAILED, False) == []


def test_a_success_that_published_nothing_is_wrong_unless_there_was_nothing_to_do() -> None:
    unpublished = replace(PUBLISHED, page="not published")
    assert truth(FAULT, unpublished, False) == ["success, but nothing is published"]
    states = {"anything_to_do": "success", "create_cluster": "skipped"}
    idle = {name: {"task_id": name, "state": state, "end_date": "1"} for name, state in states.items()}
    assert truth(FAULT, replace(unpublished, tasks=idle), False) == []


def test_a_failed_run_that_published_is_wrong_unless_a_last_task_failed() -> None:
    assert truth(FAULT, replace(FAILED, page="published"), True) == ["failed, but published"]
    report = {"report": {"task_id": "report", "state": "failed", "end_date": "1"}}
    assert truth(FAULT, replace(FAILED, page="published", tasks=report), True) == []


def test_a_wrong_page_and_a_missing_message_are_wrong() -> None:
    assert truth(FAULT, replace(FAILED, page="published"), False) == ["the page says 'published'"]
    assert truth(FAULT, replace(FAILED, message=""), False) == ["no message"]


def test_a_run_that_continues_or_ends_in_another_state_than_documented_is_wrong() -> None:
    assert truth(FAULT, replace(FAILED, state="running"), False) == ["the run has not ended: running"]
    assert truth(replace(FAULT, ends=("success",)), FAILED, False) == ["the run is failed"]


def test_damaged_data_are_wrong_unless_the_fault_damages_them() -> None:
    before, after = Verdict("a", {"images/x.jpg": "1"}), Verdict("a", {}, "twice: images/x.jpg")
    assert data_changed(FAULT, "b", before, before) == ("no", [])
    assert data_changed(FAULT, "b", before, replace(before, run="b")) == ("published, whole", [])
    assert data_changed(FAULT, "b", before, after)[1] == ["published data: twice: images/x.jpg"]
    assert data_changed(replace(FAULT, damages=True), "b", before, after)[1] == []


def test_after_the_recovery_damage_and_lost_photos_are_wrong() -> None:
    assert whole(Verdict("a", {}), []) == []
    assert whole(Verdict("a", {}, "no such file"), ["x", "y"]) == ["after the recovery: no such file", "2 photos lost"]
