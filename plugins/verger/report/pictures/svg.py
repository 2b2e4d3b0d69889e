"""Turns a matplotlib figure into an inline SVG element of an HTML page.

The element uses the colours of the page, light or dark, and its ids do not collide with those of other pictures.
matplotlib is imported inside functions, because every Airflow process imports this package.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The palette of Okabe and Ito, safe for colour-blind readers, without black (invisible on a dark page) and yellow
# (invisible on a white one).
BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9"
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, VERMILLION, SKY)
MARKERS = ("o", "s", "^", "D", "v", "P")
GREY = "#8a8f98"

# Placeholders for the colours of the page.
INK, PAPER, LINE = "#010203", "#040506", "#070809"
PAGE_COLOURS = {INK: "var(--ink)", PAPER: "var(--paper)", LINE: "var(--line)"}

FONT = "DejaVu Sans"
FONTS = "'DejaVu Sans', Verdana, sans-serif"
"""Fonts of about the width of FONT, with which matplotlib computes the layout."""

NAMESPACE = "{http://www.w3.org/2000/svg}"
XLINK_HREF = "{http://www.w3.org/1999/xlink}href"
SUPERFLUOUS = ("metadata", "style")
"""Elements that an inline SVG does not need."""
NOT_INLINE = ("width", "height", "version")
"""Attributes of the root that only a file of its own needs."""

RC: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: a small file, and the fonts of the reader
    "svg.hashsalt": "verger",
    "font.family": FONT,
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "hatch.linewidth": 0.8,
    "path.simplify": True,
}


@contextmanager
def style() -> Iterator[None]:
    """Apply the style of the report to the figures that are made in the `with` block."""
    import warnings

    import matplotlib

    with matplotlib.rc_context(RC), warnings.catch_warnings():
        # The browser of the reader may have fonts that this machine lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def figure(width: float, height: float) -> Figure:
    """Return a figure, sizes in inches. It is not made by pyplot, which would keep it in memory."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="none")


def render(made: Figure, name: str, alternative: str, titles: Mapping[str, str] | None = None) -> str:
    """Return the figure as an `<svg>` element.

    Parameters
    ----------
    made : matplotlib.figure.Figure
    name : str
        Prefix of every id in the element.
    alternative : str
        Describes the picture in words.
    titles : mapping of str to str, optional
        Group id (`Artist.set_gid`) to its tooltip.
    """
    buffer = io.StringIO()
    made.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return inline(buffer.getvalue(), name, alternative, titles or {})


def inline(drawn: str, name: str, alternative: str, titles: Mapping[str, str]) -> str:
    """Return an SVG file of matplotlib as an inline element; see `render`."""
    root = ElementTree.fromstring(drawn)  # noqa: S314 (matplotlib wrote it, and escaped the text of users)
    _prune(root)
    for element in root.iter():
        element.tag = str(element.tag).removeprefix(NAMESPACE)
        title = titles.get(element.get("id", "")) if element.tag == "g" else None
        element.attrib = _adapted(element.attrib, name)
        element.text, element.tail = _unless_blank(element.text), _unless_blank(element.tail)
        if title is not None:
            _add_title(element, clean(title))
    for attribute in NOT_INLINE:
        root.attrib.pop(attribute, None)
    root.attrib |= {"class": "picture", "role": "img", "aria-label": clean(alternative)}
    return ElementTree.tostring(root, encoding="unicode")


def _prune(element: ElementTree.Element) -> None:
    """Remove SUPERFLUOUS elements and empty `<defs>` below an element."""
    for child in list(element):
        tag = str(child.tag).removeprefix(NAMESPACE)
        if tag in SUPERFLUOUS:
            element.remove(child)
            continue
        _prune(child)
        if tag == "defs" and not len(child):
            element.remove(child)


def _add_title(element: ElementTree.Element, text: str) -> None:
    title = ElementTree.Element("title")
    title.text = text
    element.insert(0, title)


def _unless_blank(text: str | None) -> str | None:
    return text if text and text.strip() else None


def _adapted(attributes: Mapping[str, str], name: str) -> dict[str, str]:
    """Return the attributes with the page's colours and fonts, and with ids that begin with `name`."""
    found = {}
    for attribute, written in attributes.items():
        value = re.sub(r"(-?\d+\.\d)\d+", r"\1", written)  # no screen shows less than a tenth of a point
        for placeholder, colour in PAGE_COLOURS.items():
            value = value.replace(placeholder, colour)
        value = value.replace(f"'{FONT}'", FONTS).replace("url(#", f"url(#{name}-")
        if attribute == "id":
            value = f"{name}-{value}"
        elif attribute == XLINK_HREF and value.startswith("#"):
            value = f"#{name}-{value[1:]}"
        found["href" if attribute == XLINK_HREF else attribute] = value
    return found


def clean(text: Any) -> str:
    """Return the text with U+FFFD in place of control characters, which XML cannot hold. Line ends stay."""
    kept = (letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in str(text))
    return "".join(kept)


def short(text: Any, most: int = 28) -> str:
    """Return the text, cut to `most` characters."""
    complete = clean(text)
    return complete if len(complete) <= most else f"{complete[: most - 1]}…"
