"""What a user does in Airflow's UI, from the login to the log of a step. The tests run in this order, in one window."""

from __future__ import annotations

import re

from playwright.sync_api import FrameLocator, Page, expect

from development.running import Running
from tests.browser.conftest import PHOTOS, SCREENSHOTS, Screenshot
from tests.browser.pictures import graph

DAG = "dags/fruit_features"
RUN_MS = 600_000
"""Timeout of a complete run on a busy machine."""


def verger(page: Page) -> FrameLocator:
    """The content of Airflow's frame."""
    return page.frame_locator('iframe[title="Verger"]')


def open_form(page: Page, stack: Running) -> None:
    page.goto(f"{stack.url}/{DAG}")
    page.get_by_role("button", name="Trigger").first.click()
    expect(page.get_by_role("spinbutton", name="Target variance")).to_be_visible()


def submit(page: Page) -> None:
    page.get_by_role("dialog").get_by_role("button", name="Trigger", exact=True).click()


def newest_run(stack: Running) -> str:
    runs = stack.get(f"{DAG}/dagRuns?order_by=-id&limit=1")["dag_runs"]
    return str(runs[0]["dag_run_id"]) if runs else ""


def test_without_login_the_page_answers_401(page: Page, stack: Running, screenshot: Screenshot) -> None:
    answer = page.goto(f"{stack.url}/verger/")
    assert answer
    assert answer.status == 401
    expect(page.get_by_role("heading", name="Log in first")).to_be_visible()
    screenshot("without-login")


def test_log_in_and_open_the_page_from_the_navigation(page: Page, stack: Running, screenshot: Screenshot) -> None:
    page.goto(stack.url)
    page.get_by_label("Username").fill(stack.user)
    page.get_by_label("Password").first.fill(stack.password)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Verger", exact=True).click()
    expect(verger(page).get_by_role("heading", level=1)).to_have_text("No run yet")
    screenshot("no-run")


def test_the_form_rejects_a_bad_parameter_with_the_reason(page: Page, stack: Running, screenshot: Screenshot) -> None:
    open_form(page, stack)
    page.get_by_role("spinbutton", name="Target variance").fill("0")
    submit(page)
    reason = page.get_by_text("less than or equal to the minimum of 0")
    expect(reason).to_be_visible()
    reason.scroll_into_view_if_needed()
    screenshot("bad-parameter")
    assert newest_run(stack) == ""


def test_the_page_follows_a_run_from_the_form_to_its_publication(
    page: Page, stack: Running, screenshot: Screenshot
) -> None:
    open_form(page, stack)
    page.get_by_role("spinbutton", name="Target variance").fill("0.8")
    submit(page)
    expect(page).to_have_url(re.compile(r"/runs/manual__"))
    page.get_by_role("link", name="Verger", exact=True).click()
    heading = verger(page).get_by_role("heading", level=1)
    expect(heading).to_have_text("A run is in progress")
    expect(verger(page).get_by_role("progressbar").first).to_be_visible(timeout=RUN_MS / 2)
    screenshot("in-progress")
    # The script of the page reloads it at the end of the run.
    expect(heading).to_have_text(f"The last run published {PHOTOS} photos", timeout=RUN_MS)
    expect(verger(page).get_by_role("region", name="Current publication")).to_contain_text("manual__")
    screenshot("runs")


def test_the_page_of_a_run_shows_its_report(page: Page, stack: Running, screenshot: Screenshot) -> None:
    verger(page).get_by_role("table").get_by_role("link").first.click()
    expect(verger(page).get_by_role("heading", level=1)).to_have_text(re.compile("^Run of .*: published$"))
    # Airflow's address bar follows the frame.
    expect(page).to_have_url(re.compile("/plugin/verger/verger/runs/manual__"))
    screenshot("run")
    report = verger(page).frame_locator("iframe.report")
    verger(page).locator("iframe.report").scroll_into_view_if_needed()
    expect(report.get_by_role("heading", level=1)).to_contain_text("Verger")
    screenshot("report")


def test_a_link_on_the_task_leads_to_the_log_of_its_step(page: Page, stack: Running, screenshot: Screenshot) -> None:
    page.goto(f"{stack.url}/{DAG}/runs/{newest_run(stack)}/tasks/featurize_done/details")
    expect(page.get_by_role("link", name="Run in Verger")).to_be_visible()
    screenshot("task")
    page.get_by_role("link", name="Step logs").click()
    expect(verger(page).get_by_role("heading", level=1)).to_contain_text("Log of step s-")
    verger(page).get_by_role("link", name="stdout").click()
    expect(verger(page).locator("pre")).to_contain_text(f"{PHOTOS} photos featurized")
    screenshot("step-log")


def test_the_log_of_the_task_has_the_progress_of_the_step(page: Page, stack: Running) -> None:
    run = newest_run(stack)
    log = stack.get(f"{DAG}/dagRuns/{run}/taskInstances/featurize_done/logs/1?full_content=true")
    assert re.search(rf"featurize \d+/{PHOTOS} \d+ %", str(log))


def test_the_graph_shows_every_task(page: Page, stack: Running) -> None:
    (SCREENSHOTS / "graph.png").write_bytes(graph(page, stack, newest_run(stack)))
