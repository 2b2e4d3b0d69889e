"""A running Airflow with local AWS, and a headless Chromium. The screenshots are kept in .verger/screenshots/."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, Playwright, ViewportSize, expect, sync_playwright

from development.running import Running
from development.stack import Ports, running
from tests.places import STATE
from tests.ports import free_ports

PHOTOS = 48
SCREENSHOTS = STATE / "screenshots"
WINDOW: ViewportSize = {"width": 1440, "height": 900}
NARROW: ViewportSize = {"width": 420, "height": 900}
TIMEOUT_MS = 60_000
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

Screenshot = Callable[[str], None]


def browser_path() -> str:
    """Path of the browser on this machine, or empty."""
    return next(filter(None, map(shutil.which, BROWSERS)), "")


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    if not browser_path():
        pytest.skip(f"no {BROWSERS[0]} on this machine; .ci/run installs Debian's package of that name")
    # Before the first test, so that its failure leaves a screenshot, too.
    shutil.rmtree(SCREENSHOTS, ignore_errors=True)
    SCREENSHOTS.mkdir(parents=True)
    with running(tmp_path_factory.mktemp("browser"), Ports.from_first(free_ports(Ports.COUNT)), photos=PHOTOS) as made:
        yield made


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@contextlib.contextmanager
def open_browser(playwright: Playwright) -> Iterator[Page]:
    """Open a window in English, of fixed size."""
    browser = playwright.chromium.launch(
        executable_path=browser_path(),
        # Chromium's sandbox does not work for root. The browser opens only our own pages.
        args=["--no-sandbox"] if os.geteuid() == 0 else [],
    )
    window = browser.new_page(viewport=WINDOW, color_scheme="light", timezone_id="UTC", locale="en-GB")
    window.set_default_timeout(TIMEOUT_MS)
    expect.set_options(timeout=TIMEOUT_MS)
    yield window
    browser.close()


@pytest.fixture(scope="package")
def page(stack: Running, playwright: Playwright) -> Iterator[Page]:
    """Open one window for all tests."""
    with open_browser(playwright) as window:
        yield window


@pytest.fixture(scope="package")
def screenshot(page: Page) -> Screenshot:
    """Saves the window in light and dark colours under a name."""

    def keep(name: str) -> None:
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(300)  # Airflow's pages change their colours by a script
            page.screenshot(path=SCREENSHOTS / f"{name}-{scheme}.png")
        page.set_viewport_size(NARROW)
        page.wait_for_timeout(300)
        page.screenshot(path=SCREENSHOTS / f"{name}-narrow.png")
        page.set_viewport_size(WINDOW)

    return keep


@pytest.fixture(autouse=True)
def show_failure(request: pytest.FixtureRequest, page: Page) -> Iterator[None]:
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed > failed:
        page.screenshot(path=SCREENSHOTS / f"failed-{request.node.name}.png")
        for frame in page.frames:  # pytest prints it with the failure
            print(frame.url, frame.locator("body").inner_text(), sep="\n")
