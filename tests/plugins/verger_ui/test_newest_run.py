"""The page of all runs in each state of the newest run: in progress, failed, published, nothing to do."""

from __future__ import annotations

import pytest

from tests.plugins.snapshots import snapshot
from tests.plugins.verger_ui.pages import REPORT, Outline, Pages, scheduled_run
from verger.clock import now
from verger.publication.model import Publication
from verger.run_id import run_id


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


def test_verification_is_a_step_with_progress(pages: Pages) -> None:
    stamps = {"started_at": now().isoformat(), "updated_at": now().isoformat()}
    run = scheduled_run(1)
    pages.put(f"runs/{run}/progress.json", {"step": "verify_features", "done": 25, "total": 100, **stamps})
    text = pages.text()
    assert '<progress id="bar-featurize" max="1" value="1">' in text
    assert '<progress id="bar-verify_features" max="100" value="25">' in text
    assert "2 of 4: verify_features" in text


def test_a_run_in_progress_shows_its_plan_its_cluster_and_the_expected_time(pages: Pages) -> None:
    pages.trigger("manual__planned", "running")
    run = run_id("manual__planned")
    pages.put(f"runs/{run}/plan.json", {"work": True, "photos": {"listed": 9, "new": 8, "deleted": 0}})
    pages.put(f"runs/{run}/cluster.json", {"core": 1, "task": 2, "minutes": 12.0})
    assert "<dt>cluster</dt>" not in pages.text()
    for task, words in (
        ("create_cluster", "starting"),
        ("cluster_ready", "running"),
        ("terminate_cluster", "terminated"),
    ):
        pages.set_task("manual__planned", task, "success")
        text = pages.text(f"runs/{run}")
        assert f"<dt>cluster</dt><dd>{words}</dd>" in text
    assert "<dt>planned nodes</dt><dd>4</dd>" in text
    assert "<dt>expected until the end of the verification</dt><dd>12\N{NO-BREAK SPACE}min" in text
    assert "<dt>new</dt><dd>8</dd>" in text
    assert "<dt>deleted</dt><dd>0</dd>" not in text
    assert "<dt>tasks ended</dt><dd>3 of " in text


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
    assert "The publication is complete, but the task report of its run failed." in text


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


def test_a_stopped_run_is_shown_as_stopped_at_once(pages: Pages) -> None:
    stamps = {"started_at": now().isoformat(), "updated_at": now().isoformat()}
    pages.put(f"runs/{scheduled_run(1)}/progress.json", {"step": "featurize", "done": 0, "total": 9, **stamps})
    failure = {"task": "featurize_done", "error": "stopped by hand in featurize_done", "at": now().isoformat()}
    pages.put(f"runs/{scheduled_run(1)}/failure.json", {"state": "stopped", "failure": failure})
    text = pages.text()
    assert "The last run was stopped" in text
    assert Outline(text).rows[2][1] == "stopped featurize_done"
    assert "Failed in" not in pages.text(f"runs/{scheduled_run(1)}")
    pages.trigger("manual__stopped", "failed")
    pages.put(f"runs/{run_id('manual__stopped')}/failure.json", {"state": "stopped", "failure": failure})
    assert Outline(pages.text()).rows[2][1] == "stopped featurize_done"


def test_both_of_two_failures_are_shown(pages: Pages) -> None:
    also = [{"task": "terminate_cluster", "error": "may not be ended"}]
    failure = {"task": "pca_done", "error": "no variance", "also": also}
    pages.put(f"runs/{scheduled_run(1)}/failure.json", {"failure": failure})
    for text in (pages.text(), pages.text(f"runs/{scheduled_run(1)}")):
        assert "in pca_done, terminate_cluster" in text
        assert "pca_done: no variance; terminate_cluster: may not be ended" in text


def test_the_warnings_of_the_report_are_not_computed_again(pages: Pages) -> None:
    pages.report(scheduled_run(1), rejected=300, warnings=["many rejects, from the report"])
    text = pages.text()
    assert "many rejects, from the report" in text
    assert "of all photos are rejects" not in text


def test_a_run_with_nothing_to_do_and_a_rollback(pages: Pages) -> None:
    pages.trigger("manual__idle", "success")
    pages.put(f"runs/{run_id('manual__idle')}/plan.json", {"work": False, "why": "nothing new", "photos": {"new": 0}})
    assert "The last run had nothing to do" in pages.text()
    pages.trigger("manual__waiting", "success")
    waiting = {"work": False, "waiting": True, "why": "waits for more photos: 12 of 500", "photos": {"new": 12}}
    pages.put(f"runs/{run_id('manual__waiting')}/plan.json", waiting)
    assert "The last run waits for more photos" in pages.text()
    assert "waits for more photos: 12 of 500" in pages.text(f"runs/{run_id('manual__waiting')}")
    pages.trigger("manual__stopped", "success")
    pages.put(f"runs/{run_id('manual__stopped')}/plan.json", {"work": True, "why": "120 new", "photos": {"new": 120}})
    assert "The last run did not publish" in pages.text(), "a user marked it as a success"
    pages.trigger("manual__back", "success", {"rollback_to": "earlier"})
    assert "The last run rolled back" in pages.text()
    assert "to earlier" in pages.text(f"runs/{run_id('manual__back')}")
