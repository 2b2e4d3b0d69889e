"""The page of all runs: how the last night went, what is current, and the table; quickly, and also with nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.plugins.snapshots import snapshot
from tests.plugins.verger_ui.pages import REPORT, Outline, Pages, night
from verger.clock import now
from verger.publication.model import Publication
from verger.run_id import run_id
from verger.s3.errors import StorageError
from verger.settings import Settings
from verger_contract.keys import Run
from verger_ui.sources import bucket
from verger_ui.views.missed_schedule import missed
from verger_ui.views.overview import PER_PAGE


def test_with_no_run_it_says_what_to_do(pages: Pages) -> None:
    text = pages.text()
    assert "No run yet" in text
    assert f"s3://{pages.bucket}/" in text
    assert "trigger" in text
    assert "Nothing is published" in text
    assert "<table" not in text


def test_a_published_run_says_all_its_figures(pages: Pages) -> None:
    pages.report(night(1))
    text = pages.text()
    assert "The last run published 702 photos" in text
    (row,) = [row for row in Outline(text).rows if "published" in row[1:2]]
    assert row[2:] == [
        *("702", "7", "3", "5", "4", "63", "90.11 %", "kept", "95.3"),
        *("2", "21", "19", "0", "42", "0.50", "0.42 €"),
    ]
    assert f"/verger/runs/{night(1)}" in Outline(text).links()


def test_an_older_report_without_cost_and_times_will_do(pages: Pages) -> None:
    old = {name: value for name, value in REPORT.items() if name not in ("cost", "changes", "photos_per_second")}
    pages.put(Run(pages.bucket, night(1)).report_facts, old | {"drift": [], "checks": 7, "tasks": [3, {}], "k": "x"})
    (row,) = [row for row in Outline(pages.text()).rows if "published" in row[1:2]]
    assert (row[2], row[3], row[7], row[-1]) == ("702", "–", "–", "–")


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff\xfe", b"null"])
def test_a_broken_file_of_one_run_leaves_the_others(pages: Pages, body: bytes) -> None:
    pages.report(night(1))
    for name in ("report", "plan", "progress", "validation", "featurize"):
        pages.put(f"runs/{night(2)}/{name}.json", body)
    states = [row[1] for row in Outline(pages.text()).rows[2:]]
    assert states == ["not published", "published"]
    assert pages.get(f"runs/{night(2)}").status_code == 200


WRONG = (float("nan"), float("inf"), 10**400, -1, True, "x", [], [None], {}, {"a": [1]}, None)


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_fields_of_another_type_leave_the_page(pages: Pages, wrong: object) -> None:
    run = night(1)
    names = ("work", "why", "photos", "rejected", "k", "explained_variance", "photos_per_second", "basis", "cost")
    names += ("failure", "warnings", "step", "done", "total", "started_at", "updated_at", "application", "features")
    names += ("drift", "changes", "tasks", "checks", "model", "published_at", "basis_reason", "basis_kept", "seconds")
    for name in ("plan", "featurize", "pca", "validation", "progress", "failure"):
        pages.put(f"runs/{run}/{name}.json", dict.fromkeys(names, wrong))
    record = {"step": "pca", "cluster": "j-1", "submitted_at": "2026-11-24T02:00:00+00:00"}
    pages.put(f"runs/{run}/steps/s-1.json", record | {"step_id": "s-1"})
    pages.put(f"runs/{run}/steps/s-2.json", record | {"step_id": "s-2", "submitted_at": wrong})
    pages.put(Run(pages.bucket, night(2)).report_facts, dict.fromkeys(names, wrong))
    pages.text()
    pages.text(f"runs/{run}")
    pages.text(f"runs/{night(2)}")


def test_what_is_current_and_by_which_run(pages: Pages) -> None:
    pages.put("published.json", Publication(snapshot(night(1))).document())
    text = pages.text()
    assert "24 Nov 2026, 02:30" in text
    assert f'by <a href="/verger/runs/{night(1)}">' in text
    assert "imagenet weights, <code>abababababab</code>" in text


WRONG_PARTS: tuple[dict[str, Any], ...] = (
    *({"history": [3]}, {"model": {}}, {"model": 7}),
    *({"k": "x"}, {"photos": None}, {"published_at": None}, {"features": 7}),
)


def test_credentials_that_were_replaced_are_taken_up(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client lives as long as the API server, but not when it was refused."""
    pages.report(night(1))
    first = bucket.bucket()
    monkeypatch.setattr(first.client, "list_objects_v2", lambda **_: (_ for _ in ()).throw(StorageError("refused")))
    monkeypatch.setattr(first.client, "get_paginator", lambda _: (_ for _ in ()).throw(StorageError("refused")))
    assert pages.get().status_code == 503
    assert bucket.bucket() is not first
    assert "The last run published 702 photos" in pages.text()


def test_a_publication_that_is_not_vergers_is_named(pages: Pages) -> None:
    document = Publication(snapshot(night(1))).document()
    for wrong in (b'{"version": 99}', *({**document, **part} for part in WRONG_PARTS)):
        pages.put("published.json", wrong)
        answer = pages.get()
        assert answer.status_code == 503, wrong
        assert f"s3://{pages.bucket}/published.json: not what Verger writes" in answer.text
    pages.put("published.json", b'{"version": 99}')
    answer = pages.get()
    assert answer.status_code == 503
    assert f"s3://{pages.bucket}/published.json: not what Verger writes" in answer.text


def test_a_run_in_flight_shows_its_progress(pages: Pages) -> None:
    pages.trigger("manual__flying", "running")
    pages.set_task("manual__flying", "pca_done", "deferred")
    run = run_id("manual__flying")
    stamps = {"started_at": "2026-11-24T02:00:00+00:00", "updated_at": "2026-11-24T02:00:10+00:00"}
    pages.put(f"runs/{run}/progress.json", {"step": "pca", "done": 250, "total": 1000, **stamps})
    pages.report(night(1))
    text = pages.text()
    assert "A run is in flight" in text
    assert '<progress id="bar-featurize" max="1" value="1">' in text
    assert '<progress id="bar-pca" max="1000" value="250">' in text
    assert "250/1,000 25 % 25 img/s ETA 30 s" in text
    assert "At work: pca_done" in text
    assert 'aria-live="polite" id="announced">pca 20 %<' in text
    assert "Last run: published" in text, "beside it"
    assert 'data-announced="pca 20 %"' in pages.text("in-flight")
    pages.set_run("manual__flying", "failed")
    assert pages.get("in-flight").status_code == 204


def test_a_run_that_waits_does_not_hide_the_one_at_work(pages: Pages) -> None:
    pages.trigger("manual__first", "running")
    pages.trigger("manual__second", "queued")
    first, second = run_id("manual__first"), run_id("manual__second")
    text = pages.text()
    assert f'data-run="{first}"' in text
    assert f'data-run="{second}"' not in text
    assert f'data-run="{first}"' in pages.text("in-flight")
    assert f'data-from="/verger/in-flight?run={second}"' in pages.text(f"runs/{second}")
    assert f'data-run="{second}"' in pages.text(f"in-flight?run={second}")
    pages.set_run("manual__first", "success")
    assert pages.get(f"in-flight?run={first}").status_code == 204
    assert f'data-run="{second}"' in pages.text("in-flight")


def test_a_task_that_is_cleared_after_the_run_shows(pages: Pages) -> None:
    dag_run = "manual__again"
    pages.trigger(dag_run, "success")
    run = run_id(dag_run)
    pages.report(run)
    assert "The last run published" in pages.text()
    pages.set_run(dag_run, "running")
    assert "A run is in flight" in pages.text()
    assert pages.get(f"in-flight?run={run}").status_code == 200, "as its page says: it is not loaded over and over"
    pages.set_run(dag_run, "success")
    assert "The last run published" in pages.text()


def test_a_published_run_whose_report_failed_is_published(pages: Pages) -> None:
    pages.trigger("manual__unreported", "failed")
    pages.set_task("manual__unreported", "report", "failed")
    run = run_id("manual__unreported")
    pages.put("published.json", Publication(snapshot(run)).document())
    text = pages.text()
    assert "The last run published" in text
    assert "it published, but report failed" in text


@pytest.mark.parametrize("conf", [{}, {"rollback_to": "earlier"}])
def test_what_failed_before_is_not_said_of_a_run_that_succeeded(pages: Pages, conf: dict[str, str]) -> None:
    pages.trigger("manual__mended", "success", conf)
    run = run_id("manual__mended")
    failed = {"failure": {"task": "pca_done", "error": "so bad"}, "warnings": ["so odd"]}
    pages.put(f"runs/{run}/failure.json", failed)
    for text in (pages.text(), pages.text(f"runs/{run}")):
        for word in ("Failed in", "so bad", "so odd"):
            assert word not in text


def test_progress_alone_tells_of_a_run_that_airflow_does_not_know(pages: Pages) -> None:
    stamps = {"started_at": now().isoformat(), "updated_at": now().isoformat()}
    pages.put(f"runs/{night(1)}/progress.json", {"step": "featurize", "done": 0, "total": 9, **stamps})
    assert "A run is in flight" in pages.text()


def test_a_failed_run_is_the_headline_also_when_it_left_nothing(pages: Pages) -> None:
    pages.report(night(1))
    pages.trigger("manual__early", "failed")
    pages.set_task("manual__early", "list_images", "failed")
    text = pages.text()
    assert "The last run failed" in text
    assert "in list_images" in text
    assert Outline(text).rows[2][1] == "failed list_images"


def test_what_a_failed_run_says_itself_is_said(pages: Pages) -> None:
    failed = {
        "failure": {"task": "pca_done", "error": "target variance <0.9>"},
        "cost": REPORT["cost"],
        "warnings": ["so odd"],
    }
    pages.put(f"runs/{night(1)}/failure.json", failed)
    text = pages.text()
    for said in ("The last run failed", "in pca_done", "target variance &lt;0.9&gt;", "so odd", "0.42"):
        assert said in text
    assert "Failed in pca_done: target variance &lt;0.9&gt;" in pages.text(f"runs/{night(1)}")


def test_of_two_failures_both_are_said(pages: Pages) -> None:
    also = [{"task": "terminate_cluster", "error": "may not be ended"}]
    failure = {"task": "pca_done", "error": "no variance", "also": also}
    pages.put(f"runs/{night(1)}/failure.json", {"failure": failure})
    for text in (pages.text(), pages.text(f"runs/{night(1)}")):
        assert "in pca_done, terminate_cluster" in text
        assert "pca_done: no variance; terminate_cluster: may not be ended" in text


def test_what_the_report_finds_odd_is_not_found_again(pages: Pages) -> None:
    pages.report(night(1), rejected=300, warnings=["many rejects, as the report says"])
    text = pages.text()
    assert "many rejects, as the report says" in text
    assert "300 photos are rejected" not in text


def test_a_run_with_nothing_to_do_and_a_rollback_say_so(pages: Pages) -> None:
    pages.trigger("manual__idle", "success")
    pages.put(f"runs/{run_id('manual__idle')}/plan.json", {"work": False, "why": "nothing new", "photos": {"new": 0}})
    assert "The last run found nothing to do" in pages.text()
    pages.trigger("manual__stopped", "success")
    pages.put(f"runs/{run_id('manual__stopped')}/plan.json", {"work": True, "why": "120 new", "photos": {"new": 120}})
    assert "The last run did not publish" in pages.text(), "somebody marked it as a success"
    pages.trigger("manual__back", "success", {"rollback_to": "earlier"})
    assert "The last run rolled back" in pages.text()
    assert "to earlier" in pages.text(f"runs/{run_id('manual__back')}")


def test_odd_is_what_differs_from_the_runs_before(pages: Pages) -> None:
    for day in range(1, 5):
        pages.report(night(day))
    assert "<li>it " not in pages.text()
    cost = REPORT["cost"] | {"estimated_cost": 3.0}
    pages.report(night(6), cost=cost, basis_kept=False, basis_reason="it explains 0.7", rejected=300)
    bucket.bucket()._listing.put("runs/", [night(day) for day in (1, 2, 3, 4, 6)])
    text = pages.text()
    assert "it cost 3.00\N{NO-BREAK SPACE}€; usual are 0.42\N{NO-BREAK SPACE}€" in text
    assert "the basis was fitted anew: it explains 0.7" in text
    assert "300 photos are rejected (29.94\N{NO-BREAK SPACE}%)" in text


@pytest.mark.parametrize(
    ("began", "looked_at", "said"),
    [
        ("2026-11-24T01:00", "2026-11-24T12:00", ""),
        ("2026-11-23T01:00", "2026-11-24T12:00", "a run was due on 24 Nov 2026, 01:00, and none has begun since"),
        ("2026-11-23T01:00", "2026-11-24T01:30", ""),
        ("2026-11-23T09:00", "2026-11-24T00:30", ""),
    ],
)
def test_a_night_without_a_run_is_odd(began: str, looked_at: str, said: str) -> None:
    """The schedule is two in the morning, in Paris."""
    schedule = Settings.from_environment({"VERGER_BUCKET": "orchard"}).schedule
    newest, at = (datetime.fromisoformat(f"{time}+00:00") for time in (began, looked_at))
    found = missed(schedule, newest, at)
    assert found.startswith(said)
    assert bool(found) == bool(said)
    assert missed(replace(schedule, schedule="never"), newest, at) == ""


def test_a_cluster_that_may_still_run_is_odd_although_the_run_published(pages: Pages) -> None:
    pages.trigger("manual__costly", "failed")
    pages.set_task("manual__costly", "terminate_cluster", "failed")
    pages.report(run_id("manual__costly"))
    text = pages.text()
    assert "The last run published" in text
    assert "it published, but terminate_cluster failed" in text
    assert "its cluster may still run" in text


def test_trends_are_drawn_and_said(pages: Pages) -> None:
    for day, photos in ((1, 100), (2, 300), (3, 200)):
        pages.report(night(day), photos=photos)
    text = pages.text()
    assert 'aria-label="photos of the last 3 runs that have it: from 100 to 200, lowest 100, highest 300"' in text
    assert '<polyline points="3.0,33.0 80.0,3.0 157.0,18.0"/>' in text


def test_runs_are_paged_newest_first_whatever_they_are_called(pages: Pages) -> None:
    runs = [night(day) for day in range(1, 60)]
    pages.reports(runs)
    by_hand = "manual__2026-02-05T09-00-00Z-00000000"  # between two of the nights
    pages.report(by_hand)
    pages.put("runs/no-time/run.json", {"started_at": "2031-01-01T00:00:00+00:00", "base_etag": None})
    wanted = ["no-time", *reversed(runs)]
    wanted.insert(wanted.index(night(32)), by_hand)  # night(32) is 5 February, 01:00
    shown: list[str] = []
    for number in (1, 2, 3):
        outline = Outline(pages.text(f"?page={number}"))
        runs_linked = [link.removeprefix("/verger/runs/") for link in outline.links() if "/runs/" in link]
        shown += [run for run in runs_linked if run in wanted][-PER_PAGE if number < 3 else -11 :]
    assert shown == wanted
    assert 'rel="next"' not in pages.text("?page=3")
    assert "page 3 of 3" in pages.text("?page=99"), "beyond the last is the last"
    assert pages.get("?page=0").status_code == 422


def test_without_a_bucket_it_says_which_setting_is_missing(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VERGER_BUCKET")
    bucket.settings.cache_clear()
    bucket.bucket.cache_clear()
    answer = pages.get()
    assert answer.status_code == 503
    assert "VERGER_BUCKET" in answer.text


def test_the_page_can_be_used_by_keyboard_and_screen_reader(pages: Pages) -> None:
    pages.reports(night(day) for day in range(30))
    pages.put("published.json", Publication(snapshot(night(1))).document())
    for page in ("", f"runs/{night(1)}"):
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


def test_what_is_over_is_read_once(pages: Pages) -> None:
    pages.report(night(1))
    pages.text()
    pages.s3.delete_object(Bucket=pages.bucket, Key=Run(pages.bucket, night(1)).report_facts)
    assert "The last run published 702 photos" in pages.text()
