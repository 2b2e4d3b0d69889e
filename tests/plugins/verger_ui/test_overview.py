"""The page of all runs: the last run, the publication, the table of runs, and malformed files."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.plugins.snapshots import snapshot
from tests.plugins.verger_ui.pages import REPORT, Outline, Pages, scheduled_run
from verger.clock import now
from verger.publication.model import Publication
from verger.run_id import run_id
from verger.s3.errors import StorageError
from verger.settings import Settings
from verger_contract.keys import Run
from verger_ui.sources import bucket
from verger_ui.views.missed_schedule import missed
from verger_ui.views.run_list import PER_PAGE


def test_without_a_run_the_page_explains_what_to_do(pages: Pages) -> None:
    text = pages.text()
    assert "No run yet" in text
    assert f"s3://{pages.bucket}/" in text
    assert "trigger" in text
    assert "Nothing is published" in text
    assert "<table" not in text


def test_a_published_run_shows_all_its_figures(pages: Pages) -> None:
    pages.report(scheduled_run(1))
    text = pages.text()
    assert "The last run published 702 photos" in text
    (row,) = [row for row in Outline(text).rows if "published" in row[1:2]]
    assert row[2:] == [
        *("702", "7", "3", "5", "4", "63", "90.11 %", "kept", "95.3"),
        *("2", "21", "19", "0", "42", "0.50", "0.42 €"),
    ]
    assert f"/verger/runs/{scheduled_run(1)}" in Outline(text).links()


def test_a_report_without_cost_and_times_is_shown(pages: Pages) -> None:
    old = {name: value for name, value in REPORT.items() if name not in ("cost", "changes", "photos_per_second")}
    pages.put(
        Run(pages.bucket, scheduled_run(1)).report_facts, old | {"drift": [], "checks": 7, "tasks": [3, {}], "k": "x"}
    )
    (row,) = [row for row in Outline(pages.text()).rows if "published" in row[1:2]]
    assert (row[2], row[3], row[7], row[-1]) == ("702", "–", "–", "–")


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff\xfe", b"null"])
def test_a_malformed_file_of_one_run_does_not_affect_other_runs(pages: Pages, body: bytes) -> None:
    pages.report(scheduled_run(1))
    for name in ("report", "plan", "progress", "validation", "featurize"):
        pages.put(f"runs/{scheduled_run(2)}/{name}.json", body)
    states = [row[1] for row in Outline(pages.text()).rows[2:]]
    assert states == ["not published", "published"]
    assert pages.get(f"runs/{scheduled_run(2)}").status_code == 200


WRONG: tuple[Any, ...] = (float("nan"), float("inf"), 10**400, -1, True, "x", [], [None], {}, {"a": [1]}, None)


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_members_of_a_wrong_type_do_not_fail_the_page(pages: Pages, wrong: object) -> None:
    run = scheduled_run(1)
    names: tuple[str, ...] = (
        "work",
        "why",
        "photos",
        "rejected",
        "k",
        "explained_variance",
        "photos_per_second",
        "basis",
        "cost",
    )
    names += ("failure", "warnings", "step", "done", "total", "started_at", "updated_at", "application", "features")
    names += ("drift", "changes", "tasks", "checks", "model", "published_at", "basis_reason", "basis_kept", "seconds")
    for name in ("plan", "featurize", "pca", "validation", "progress", "failure"):
        pages.put(f"runs/{run}/{name}.json", dict.fromkeys(names, wrong))
    record = {"step": "pca", "cluster": "j-1", "submitted_at": "2026-11-24T02:00:00+00:00"}
    pages.put(f"runs/{run}/steps/s-1.json", record | {"step_id": "s-1"})
    pages.put(f"runs/{run}/steps/s-2.json", record | {"step_id": "s-2", "submitted_at": wrong})
    pages.put(Run(pages.bucket, scheduled_run(2)).report_facts, dict.fromkeys(names, wrong))
    pages.text()
    pages.text(f"runs/{run}")
    pages.text(f"runs/{scheduled_run(2)}")


def test_the_current_publication_and_its_run(pages: Pages) -> None:
    pages.put("published.json", Publication(snapshot(scheduled_run(1))).document())
    text = pages.text()
    assert "24 Nov 2026, 02:30" in text
    assert f'by <a href="/verger/runs/{scheduled_run(1)}">' in text
    assert "imagenet weights, <code>abababababab</code>" in text


WRONG_PARTS: tuple[dict[str, Any], ...] = (
    *({"history": [3]}, {"model": {}}, {"model": 7}),
    *({"k": "x"}, {"photos": None}, {"published_at": None}, {"features": 7}),
)


def test_replaced_credentials_are_used(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API server keeps one client until S3 refuses a request."""
    pages.report(scheduled_run(1))
    first = bucket.bucket()
    monkeypatch.setattr(first.client, "list_objects_v2", lambda **_: (_ for _ in ()).throw(StorageError("refused")))
    monkeypatch.setattr(first.client, "get_paginator", lambda _: (_ for _ in ()).throw(StorageError("refused")))
    assert pages.get().status_code == 503
    assert bucket.bucket() is not first
    assert "The last run published 702 photos" in pages.text()


def test_a_malformed_publication_is_reported(pages: Pages) -> None:
    document = Publication(snapshot(scheduled_run(1))).document()
    for wrong in (b'{"version": 99}', *({**document, **part} for part in WRONG_PARTS)):
        pages.put("published.json", wrong)
        answer = pages.get()
        assert answer.status_code == 503, wrong
        assert f"s3://{pages.bucket}/published.json: not what Verger writes" in answer.text
    pages.put("published.json", b'{"version": 99}')
    answer = pages.get()
    assert answer.status_code == 503
    assert f"s3://{pages.bucket}/published.json: not what Verger writes" in answer.text


def test_a_run_in_progress_shows_its_progress(pages: Pages) -> None:
    pages.trigger("manual__active", "running")
    pages.set_task("manual__active", "pca_done", "deferred")
    run = run_id("manual__active")
    stamps = {"started_at": "2026-11-24T02:00:00+00:00", "updated_at": "2026-11-24T02:00:10+00:00"}
    pages.put(f"runs/{run}/progress.json", {"step": "pca", "done": 250, "total": 1000, **stamps})
    pages.report(scheduled_run(1))
    text = pages.text()
    assert "A run is in progress" in text
    assert '<progress id="bar-featurize" max="1" value="1">' in text
    assert '<progress id="bar-pca" max="1000" value="250">' in text
    assert "250/1,000 25 % 25 img/s ETA 30 s" in text
    assert "Active tasks: pca_done" in text
    assert 'aria-live="polite" id="announced">pca 20 %<' in text
    assert "Last run: published" in text, "the last run is shown too"
    assert 'data-announced="pca 20 %"' in pages.text("in-progress")
    pages.set_run("manual__active", "failed")
    assert pages.get("in-progress").status_code == 204


def test_a_waiting_run_does_not_hide_the_active_one(pages: Pages) -> None:
    pages.trigger("manual__first", "running")
    pages.trigger("manual__second", "queued")
    first, second = run_id("manual__first"), run_id("manual__second")
    text = pages.text()
    assert f'data-run="{first}"' in text
    assert f'data-run="{second}"' not in text
    assert f'data-run="{first}"' in pages.text("in-progress")
    assert f'data-from="/verger/in-progress?run={second}"' in pages.text(f"runs/{second}")
    assert f'data-run="{second}"' in pages.text(f"in-progress?run={second}")
    pages.set_run("manual__first", "success")
    assert pages.get(f"in-progress?run={first}").status_code == 204
    assert f'data-run="{second}"' in pages.text("in-progress")


def test_a_task_that_is_cleared_after_the_run_is_shown(pages: Pages) -> None:
    dag_run = "manual__again"
    pages.trigger(dag_run, "success")
    run = run_id(dag_run)
    pages.report(run)
    assert "The last run published" in pages.text()
    pages.set_run(dag_run, "running")
    assert "A run is in progress" in pages.text()
    assert pages.get(f"in-progress?run={run}").status_code == 200, "like its page, which would reload forever otherwise"
    pages.set_run(dag_run, "success")
    assert "The last run published" in pages.text()


def test_a_published_run_whose_report_failed_is_published(pages: Pages) -> None:
    pages.trigger("manual__unreported", "failed")
    pages.set_task("manual__unreported", "report", "failed")
    run = run_id("manual__unreported")
    pages.put("published.json", Publication(snapshot(run)).document())
    text = pages.text()
    assert "The last run published" in text
    assert "The run is published, but report failed." in text


@pytest.mark.parametrize("conf", [{}, {"rollback_to": "earlier"}])
def test_an_earlier_failure_of_a_successful_run_is_not_shown(pages: Pages, conf: dict[str, str]) -> None:
    pages.trigger("manual__cleared", "success", conf)
    run = run_id("manual__cleared")
    failed = {"failure": {"task": "pca_done", "error": "so bad"}, "warnings": ["many rejects"]}
    pages.put(f"runs/{run}/failure.json", failed)
    for text in (pages.text(), pages.text(f"runs/{run}")):
        for word in ("Failed in", "so bad", "many rejects"):
            assert word not in text


def test_recent_progress_shows_a_run_that_airflow_does_not_have(pages: Pages) -> None:
    stamps = {"started_at": now().isoformat(), "updated_at": now().isoformat()}
    pages.put(f"runs/{scheduled_run(1)}/progress.json", {"step": "featurize", "done": 0, "total": 9, **stamps})
    assert "A run is in progress" in pages.text()


def test_a_failed_run_without_files_is_the_headline(pages: Pages) -> None:
    pages.report(scheduled_run(1))
    pages.trigger("manual__early", "failed")
    pages.set_task("manual__early", "list_images", "failed")
    text = pages.text()
    assert "The last run failed" in text
    assert "in list_images" in text
    assert Outline(text).rows[2][1] == "failed list_images"


def test_the_error_of_a_failed_run_is_shown(pages: Pages) -> None:
    failed = {
        "failure": {"task": "pca_done", "error": "target variance <0.9>"},
        "cost": REPORT["cost"],
        "warnings": ["many rejects"],
    }
    pages.put(f"runs/{scheduled_run(1)}/failure.json", failed)
    text = pages.text()
    for part in ("The last run failed", "in pca_done", "target variance &lt;0.9&gt;", "many rejects", "0.42"):
        assert part in text
    assert "Failed in pca_done: target variance &lt;0.9&gt;" in pages.text(f"runs/{scheduled_run(1)}")


def test_both_of_two_failures_are_shown(pages: Pages) -> None:
    also = [{"task": "terminate_cluster", "error": "may not be ended"}]
    failure = {"task": "pca_done", "error": "no variance", "also": also}
    pages.put(f"runs/{scheduled_run(1)}/failure.json", {"failure": failure})
    for text in (pages.text(), pages.text(f"runs/{scheduled_run(1)}")):
        assert "in pca_done, terminate_cluster" in text
        assert "pca_done: no variance; terminate_cluster: may not be ended" in text


def test_the_warnings_of_the_report_are_not_computed_again(pages: Pages) -> None:
    pages.report(scheduled_run(1), rejected=300, warnings=["many rejects, as the report says"])
    text = pages.text()
    assert "many rejects, as the report says" in text
    assert "of all photos are rejects" not in text


def test_a_run_with_nothing_to_do_and_a_rollback(pages: Pages) -> None:
    pages.trigger("manual__idle", "success")
    pages.put(f"runs/{run_id('manual__idle')}/plan.json", {"work": False, "why": "nothing new", "photos": {"new": 0}})
    assert "The last run had nothing to do" in pages.text()
    pages.trigger("manual__stopped", "success")
    pages.put(f"runs/{run_id('manual__stopped')}/plan.json", {"work": True, "why": "120 new", "photos": {"new": 120}})
    assert "The last run did not publish" in pages.text(), "a user marked it as a success"
    pages.trigger("manual__back", "success", {"rollback_to": "earlier"})
    assert "The last run rolled back" in pages.text()
    assert "to earlier" in pages.text(f"runs/{run_id('manual__back')}")


def test_warnings_compare_a_run_with_earlier_runs(pages: Pages) -> None:
    for day in range(1, 5):
        pages.report(scheduled_run(day))
    assert "<li>The run " not in pages.text()
    cost = REPORT["cost"] | {"estimated_cost": 3.0}
    pages.report(scheduled_run(6), cost=cost, basis_kept=False, basis_reason="it explains 0.7", rejected=300)
    bucket.bucket()._listing.put("runs/", [scheduled_run(day) for day in (1, 2, 3, 4, 6)])
    text = pages.text()
    assert "The run cost 3.00\N{NO-BREAK SPACE}€; the median of earlier runs is 0.42\N{NO-BREAK SPACE}€." in text
    assert "New PCA components: older vectors are not comparable (it explains 0.7)." in text
    assert "29.94% of all photos are rejects; a run fails above 5.0%." in text


@pytest.mark.parametrize(
    ("start", "now", "sentence"),
    [
        ("2026-11-24T01:00", "2026-11-24T12:00", ""),
        ("2026-11-23T01:00", "2026-11-24T12:00", "No run has started since the schedule of 24 Nov 2026, 01:00"),
        ("2026-11-23T01:00", "2026-11-24T01:30", ""),
        ("2026-11-23T09:00", "2026-11-24T00:30", ""),
    ],
)
def test_a_missed_schedule_causes_a_warning(start: str, now: str, sentence: str) -> None:
    """The schedule is 02:00 in Paris."""
    schedule = Settings.from_environment({"VERGER_BUCKET": "orchard"}).schedule
    newest, at = (datetime.fromisoformat(f"{time}+00:00") for time in (start, now))
    found = missed(schedule, newest, at)
    assert found.startswith(sentence)
    assert bool(found) == bool(sentence)
    assert missed(replace(schedule, schedule="never"), newest, at) == ""


def test_a_cluster_that_may_still_run_causes_a_warning_although_the_run_is_published(pages: Pages) -> None:
    pages.trigger("manual__costly", "failed")
    pages.set_task("manual__costly", "terminate_cluster", "failed")
    pages.report(run_id("manual__costly"))
    text = pages.text()
    assert "The last run published" in text
    assert "The run is published, but terminate_cluster failed." in text
    assert "Its cluster may still be running" in text


def test_trends_are_drawn_and_described(pages: Pages) -> None:
    for day, photos in ((1, 100), (2, 300), (3, 200)):
        pages.report(scheduled_run(day), photos=photos)
    text = pages.text()
    assert 'aria-label="photos of the last 3 runs with this figure: from 100 to 200, lowest 100, highest 300"' in text
    assert '<polyline points="3.0,33.0 80.0,3.0 157.0,18.0"/>' in text


def test_runs_are_paged_newest_first_whatever_their_ids(pages: Pages) -> None:
    runs = [scheduled_run(day) for day in range(1, 60)]
    pages.reports(runs)
    by_hand = "manual__2026-02-05T09-00-00Z-00000000"  # between two scheduled runs
    pages.report(by_hand)
    pages.put("runs/no-time/run.json", {"started_at": "2031-01-01T00:00:00+00:00", "base_etag": None})
    wanted = ["no-time", *reversed(runs)]
    wanted.insert(wanted.index(scheduled_run(32)), by_hand)  # the run of day 32 is of 5 February, 01:00
    shown: list[str] = []
    for number in (1, 2, 3):
        outline = Outline(pages.text(f"?page={number}"))
        runs_linked = [link.removeprefix("/verger/runs/") for link in outline.links() if "/runs/" in link]
        shown += [run for run in runs_linked if run in wanted][-PER_PAGE if number < 3 else -11 :]
    assert shown == wanted
    assert 'rel="next"' not in pages.text("?page=3")
    assert "page 3 of 3" in pages.text("?page=99"), "the last page for a larger number"
    assert pages.get("?page=0").status_code == 422


def test_without_a_bucket_the_page_names_the_missing_setting(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VERGER_BUCKET")
    bucket.settings.cache_clear()
    bucket.bucket.cache_clear()
    answer = pages.get()
    assert answer.status_code == 503
    assert "VERGER_BUCKET" in answer.text


def test_the_page_supports_keyboards_and_screen_readers(pages: Pages) -> None:
    pages.reports(scheduled_run(day) for day in range(30))
    pages.put("published.json", Publication(snapshot(scheduled_run(1))).document())
    for page in ("", f"runs/{scheduled_run(1)}"):
        outline = Outline(pages.text(page))
        assert outline.tags.count("h1") == outline.tags.count("main") == 1
        assert outline.tags.count("caption") == outline.tags.count("table") > 0
        heads = [name for tag, name, _ in outline.attributes if tag == "th" and name == "scope"]
        assert len(heads) == outline.tags.count("th")
        drawn = [value for tag, name, value in outline.attributes if tag == "svg" and name in ("aria-label", "role")]
        hidden = outline.tags.count("rect")
        assert len(drawn) == 2 * (outline.tags.count("svg") - hidden)
        assert ("html", "lang", "en") in outline.attributes
        assert ("a", "href", "#main") in outline.attributes


def test_the_files_of_an_ended_run_are_read_once(pages: Pages) -> None:
    pages.report(scheduled_run(1))
    pages.text()
    pages.s3.delete_object(Bucket=pages.bucket, Key=Run(pages.bucket, scheduled_run(1)).report_facts)
    assert "The last run published 702 photos" in pages.text()
