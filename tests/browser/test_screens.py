"""Every page on a wide and a narrow screen, in light and dark colours, after the run of test_in_browser.py."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, expect

from development.running import Running
from tests.browser.conftest import NARROW, WINDOW, Screenshot
from tests.browser.test_in_browser import DAG, newest_run, verger

PAGES = {
    "overview": "",
    "photos": "photos?q=jpg",
    "labels": "labels?sort=photos",
    "suspects": "suspects",
    "rejects": "rejects",
    "publications": "publications",
    "run-page": "runs/{run}",
    "report-page": "runs/{run}/report",
}


@pytest.fixture
def run(page: Page, stack: Running) -> Iterator[str]:
    """Return Verger's id of the newest run: the one that is published."""
    page.goto(f"{stack.url}/verger/")
    link = page.get_by_role("table").get_by_role("link").first.get_attribute("href")
    yield str(link).rpartition("/")[2]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(WINDOW)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_every_screen_and_is_accessible(
    page: Page, stack: Running, run: str, name: str, screenshot: Screenshot
) -> None:
    page.goto(f"{stack.url}/verger/{PAGES[name].format(run=run)}")
    for dark, size in ((False, WINDOW), (True, NARROW)):
        page.emulate_media(color_scheme="dark" if dark else "light")
        page.set_viewport_size(size)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], f"{name} scrolls to the side"
        found = Axe().run(page, options={"iframes": False})
        assert not found.violations_count, found.generate_report()
    page.set_viewport_size(WINDOW)
    screenshot(name)


def test_runs_are_printed_and_forms_are_not(page: Page, stack: Running, run: str) -> None:
    page.goto(f"{stack.url}/verger/")
    page.emulate_media(media="print")
    expect(page.get_by_role("region", name="Table of runs").get_by_role("link").first).to_be_visible()
    expect(page.locator("form.filter")).to_be_hidden()
    expect(page.get_by_role("button", name="Compare two selected runs")).to_be_hidden()
    page.emulate_media(media="screen")


def test_a_photo_is_found(page: Page, stack: Running, run: str) -> None:
    page.goto(f"{stack.url}/verger/photos")
    page.get_by_role("searchbox", name="Part of the key").fill("0")
    page.keyboard.press("Enter")
    page.get_by_role("table").get_by_role("link").first.click()
    expect(page.get_by_text("The nearest of")).to_be_visible()  # the script has loaded them
    image = page.locator("img.photo").first
    expect(image).to_be_visible()
    image.evaluate("image => image.decode()")  # waits for the image, and fails for one that cannot be drawn
    expect(page.get_by_role("table")).to_contain_text("published")


def test_the_map_shows_a_photo_and_hides_a_label(page: Page, stack: Running, run: str) -> None:
    page.goto(f"{stack.url}/verger/runs/{run}/report")
    page.get_by_role("region", name="Map of the photos").press("ArrowRight")
    card = page.locator("#map-card")
    expect(card).to_contain_text("images/")
    expect(card.locator("img")).to_have_attribute("src", re.compile("^data:image/jpeg"))
    key = page.locator("#map-keys button").first
    points = page.locator(f"#{key.get_attribute('data-group')}")
    expect(points).to_be_visible()
    key.press("Enter")
    expect(points).to_be_hidden()
    expect(key).to_have_attribute("aria-pressed", "false")


def test_links_between_the_dag_run_and_its_page(page: Page, stack: Running, run: str) -> None:
    page.goto(f"{stack.url}/{DAG}/runs/{newest_run(stack)}")
    page.get_by_role("link", name="Run in Verger").click()
    frame = page.frame_locator('iframe[title="Run in Verger"]')
    expect(frame.get_by_role("heading", level=1)).to_contain_text("published")
    page.goto(f"{stack.url}/plugin/verger/verger/runs/{run}")
    verger(page).get_by_role("link", name="Run in Airflow").click()
    expect(page.get_by_role("link", name="Run in Verger")).to_be_visible()
