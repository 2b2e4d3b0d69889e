"""`make pictures`: the screenshots in docs/pictures, of a stack that executes two runs."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import FloatRect, FrameLocator, Page, expect, sync_playwright

from development.running import Running
from development.stack import Ports, running
from local_aws.processes import interrupts
from sample_photos.albums import Album, synchronise
from sample_photos.bucket import open_store
from sample_photos.orchard import draw_orchard
from tests.browser.conftest import WINDOW, browser_path, open_browser
from tests.places import ROOT, STATE
from tests.ports import free_ports

PICTURES = ROOT / "docs" / "pictures"
WORK = STATE / "pictures"
"""The stack and its photos. They stay when a run fails, with the logs that the error names."""
DAG = "dags/fruit_features"
FIRST, SECOND = 240, 252
MOST_BYTES = 120_000
MARGIN = 16
COLOURS = (256, 128, 64, 32)


def take(page: Page, stack: Running, folder: Path) -> None:
    """Log in, run the DAG twice, and take the pictures."""
    page.goto(stack.url)
    page.get_by_label("Username").fill(stack.user)
    page.get_by_label("Password").first.fill(stack.password)
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Verger", exact=True)).to_be_visible()
    run_dag(stack)
    draw_orchard(folder, SECOND)
    synchronise(open_store(stack.bucket, stack.aws), "images/", Album(folder))
    run = run_dag(stack)

    page.goto(f"{stack.url}/plugin/verger/verger/")
    frame = page.frame_locator('iframe[title="Verger"]')
    expect(frame.get_by_role("heading", level=1)).to_contain_text("published")
    keep(page.screenshot(), "page.png")

    keep(graph(page, stack, run), "dag.png")
    open_report(page, stack, frame)
    keep(page.screenshot(), "report.png")
    keep(page.screenshot(full_page=True, clip=around(page, "#variance", "#map")), "report-map.png")


def run_dag(stack: Running) -> str:
    """Run the DAG and wait for its end. Returns the id of the run in Airflow."""
    run = stack.trigger()
    state = stack.wait(run)
    if state == "failed":
        raise RuntimeError(f"{run} failed; see {stack.logs}")
    print(f"{run}: {state}")
    return run


def graph(page: Page, stack: Running, run: str) -> bytes:
    """The graph of a run as Airflow draws it, from top to bottom."""
    before = page.viewport_size or WINDOW
    page.set_viewport_size({"width": 1000, "height": 1500})
    # Airflow's UI stores the user's settings of the graph there.
    page.evaluate("localStorage.setItem('direction-fruit_features', JSON.stringify('DOWN'))")
    page.goto(f"{stack.url}/{DAG}/runs/{run}")
    page.get_by_role("button", name="Show Graph").click()
    drawn = page.locator(".react-flow")
    expect(drawn.get_by_text("terminate_cluster")).to_be_visible()
    page.wait_for_timeout(1500)  # the graph is animated
    picture = drawn.screenshot(style=".react-flow__panel { display: none }")
    page.get_by_role("button", name="Show Grid").click()
    page.set_viewport_size(before)
    return picture


def open_report(page: Page, stack: Running, frame: FrameLocator) -> None:
    """Open the report of the newest run, without Airflow's frame."""
    page.goto(f"{stack.url}/plugin/verger/verger/")
    frame.get_by_role("table").get_by_role("link").first.click()
    address = frame.get_by_role("link", name="Open the report in a page of its own").get_attribute("href")
    page.goto(f"{stack.url}{address}")


def around(page: Page, *sections: str) -> FloatRect:
    """Return the rectangle of consecutive sections of the page, with a margin."""
    boxes = [box for box in (page.locator(section).bounding_box() for section in sections) if box]
    left, top = min(box["x"] for box in boxes) - MARGIN, min(box["y"] for box in boxes)
    right = max(box["x"] + box["width"] for box in boxes) + MARGIN
    bottom = max(box["y"] + box["height"] for box in boxes) + MARGIN
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}


def keep(picture: bytes, name: str) -> None:
    """Save a picture with as many colours as fit into MOST_BYTES."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    for colours in COLOURS:
        packed = io.BytesIO()
        image.quantize(colours, dither=Image.Dither.NONE).save(packed, "PNG", optimize=True)
        if len(packed.getvalue()) <= MOST_BYTES:
            break
    (PICTURES / name).write_bytes(packed.getvalue())
    print(f"{(PICTURES / name).relative_to(ROOT)}: {len(packed.getvalue()):,} bytes, {colours} colours")


def main() -> int:
    """Take all screenshots."""
    if not browser_path():
        print(
            "pictures: error: no chromium on this machine; install it (on Debian, the package chromium)",
            file=sys.stderr,
        )
        return 1
    interrupts.catch()  # SIGTERM ends the stack too
    PICTURES.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(WORK, ignore_errors=True)
    with (
        running(WORK / "stack", Ports.from_first(free_ports(Ports.COUNT)), photos=FIRST) as stack,
        sync_playwright() as playwright,
        open_browser(playwright) as page,
    ):
        take(page, stack, WORK / "orchard")
    shutil.rmtree(WORK)
    return 0


if __name__ == "__main__":
    sys.exit(main())
