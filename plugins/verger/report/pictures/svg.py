"""Makes a matplotlib figure a piece of a page: SVG that takes the page's colours, light or dark, and shares its ids
with no other picture. matplotlib is imported where it is needed: every Airflow process imports this package.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's palette, which colour-blind people can tell apart, less black and yellow: one cannot be seen on dark
# paper, the other on white.
BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9"
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, VERMILLION, SKY)
MARKERS = ("o", "s", "^", "D", "v", "P")
GREY = "#8a8f98"

# Stand for the page's own colours until the picture is part of it.
INK, PAPER, LINE = "#010203", "#040506", "#070809"
PAGE_COLOURS = {INK: "var(--ink)", PAPER: "var(--paper)", LINE: "var(--line)"}

FONT = "DejaVu Sans"
FONTS = "'DejaVu Sans', Verdana, sans-serif"
"""As wide as what the picture was laid out with, wherever one of them is there."""

RC: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: small, and every script that the reader's machine can show
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
    """In the body of the `with`, figures look as the report's do."""
    import warnings

    import matplotlib

    with matplotlib.rc_context(RC), warnings.catch_warnings():
        # The reader's machine has fonts for what the one here has none for.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def figure(width: float, height: float) -> Figure:
    """A figure of so many inches, which arranges what is in it. No pyplot: nothing outlives it."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="none")


def render(made: Figure, name: str, alternative: str, titles: Mapping[str, str] | None = None) -> str:
    """The figure as an `<svg>` element.

    name: begins every id in it
    alternative: says in words what it shows
    titles: group ids (`Artist.set_gid`) to what is shown where the pointer rests on them
    """
    buffer = io.StringIO()
    made.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return adapt(buffer.getvalue(), name, alternative, titles or {})


def adapt(drawn: str, name: str, alternative: str, titles: Mapping[str, str]) -> str:
    """What `render` does with the text that matplotlib writes."""
    text = drawn[drawn.index("<svg") :]
    for superfluous in ("<metadata>.*?</metadata>", "<!--.*?-->", "<style.*?</style>", r"<defs>\s*</defs>"):
        text = re.sub(superfluous, "", text, flags=re.DOTALL)
    for group, title in titles.items():
        text = text.replace(f'<g id="{group}">', f'<g id="{group}"><title>{html.escape(clean(title))}</title>', 1)
    # In tags alone: what stands between them is text, of users' labels too. (Neither holds a bare < or >.)
    text = re.sub(r"<[^<>]*>", lambda tag: _adapted(tag[0], name), text)
    head, _, body = text.partition(">")
    sized = re.sub(r' (width|height|xmlns:xlink|xmlns|version)="[^"]*"', "", head)
    opened = f'{sized} class="picture" role="img" aria-label="{html.escape(clean(alternative))}">'
    return opened + re.sub(r">\s+<", "><", body).strip()


def _adapted(tag: str, name: str) -> str:
    """A tag with the page's colours and fonts, and with ids that are the picture's own."""
    tag = re.sub(r"(-?\d+\.\d)\d+", r"\1", tag)  # a tenth of a point is finer than any screen
    for stand_in, colour in PAGE_COLOURS.items():
        tag = tag.replace(stand_in, colour)
    tag = tag.replace(f"'{FONT}'", FONTS).replace("xlink:href", "href")
    return tag.replace(' id="', f' id="{name}-').replace('href="#', f'href="#{name}-').replace("url(#", f"url(#{name}-")


def clean(text: Any) -> str:
    """Text without control characters other than line ends: neither XML nor a reader's eye can take them."""
    kept = (letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in str(text))
    return "".join(kept)


def short(text: Any, most: int = 28) -> str:
    """The text, cut when it is longer than a picture has room for."""
    whole = clean(text)
    return whole if len(whole) <= most else f"{whole[: most - 1]}…"
