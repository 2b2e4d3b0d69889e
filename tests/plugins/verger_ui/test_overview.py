"""The page of all runs: the last run, the publication, the table of runs, and malformed files."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.plugins.snapshots import snapshot
from tests.plugins.verger_ui.pages import REPORT, Outline, Pages, scheduled_run
from verger.publication.model import Publication
from verger.run_id import run_id
from verger.s3.errors import StorageError
from verger.settings import Settings
from verger_contract.keys import Run, janitor_record
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


def test_without_a_run_the_page_counts_the_photos_that_wait(pages: Pages) -> None:
    for name in ("Kiwi/1.jpg", "Kiwi/2.jpg", "Kiwi/.hidden", "Kiwi/"):
        pages.put(f"images/{name}", b"x")
    text = pages.text()
    assert "2 photos wait under" in text
    assert "trigger the DAG" in text
    assert "/dags/fruit_features" in Outline(text).links()


def test_a_wrong_setting_is_named(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERGER_NONSENSE", "1")
    bucket.settings.cache_clear()
    bucket.bucket.cache_clear()
    answer = pages.get()
    assert answer.status_code == 503
    assert "The settings are wrong" in answer.text
    assert "VERGER_NONSENSE: no such setting" in answer.text
    assert "S3" not in answer.text.partition("<main")[2]


def test_a_published_run_shows_all_its_figures(pages: Pages) -> None:
    pages.report(scheduled_run(1))
    text = pages.text()
    assert "The last run published 702 photos" in text
    (row,) = [row for row in Outline(text).rows if "published" in row[1:2]]
    assert row[2:] == [
        *("702", "7", "3", "5", "4", "63", "90.11 %", "kept", "95.3"),
        *("2", "21", "19", "–", "0", "42", "0.50", "0.42 €"),
    ]
    assert f"/verger/runs/{scheduled_run(1)}" in Outline(text).links()


def test_clusters_that_the_janitor_terminated_newest_first(pages: Pages) -> None:
    assert "the janitor terminated" not in pages.text()
    for number in range(1, 8):
        end = {"cluster": f"j-{number}", "run": "run-1", "reason": "DAG run manual__1 has ended", "dag": 7}
        pages.put(janitor_record(f"j-{number}"), end | {"requested_at": f"2026-11-2{number}T02:30:00+00:00"})
    for number, body in enumerate([b"{", b"[1]", b'{"requested_at": 7}', b"null"]):
        pages.put(janitor_record(f"j-broken-{number}"), body)
    rows = [row for row in Outline(pages.text()).rows if row[-1].startswith("DAG run manual__1")]
    assert [row[1:] for row in rows] == [
        [f"j-{number}", "run-1", "DAG run manual__1 has ended"] for number in (7, 6, 5, 4, 3)
    ]
    assert "27 Nov 2026, 02:30" in rows[0][0]


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
    assert "imagenet weights, <code>abababababab</code>, preprocessing 2-exact." in text


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
    assert 'aria-label="photos of 3 published runs: from 100 to 200, lowest 100, highest 300"' in text
    assert '<polyline points="3.0,41.0 100.0,3.0 197.0,22.0"/>' in text


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
