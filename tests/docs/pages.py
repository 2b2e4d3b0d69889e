"""What the documents contain: links, headings, code."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.places import ROOT
from tests.tree import files

FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """A Markdown file; `path` is relative to the root."""

    path: Path

    @cached_property
    def text(self) -> str:
        """All of it."""
        return (ROOT / self.path).read_text()

    @cached_property
    def prose(self) -> str:
        """The text without its blocks of code."""
        return FENCE.sub("", self.text)

    @cached_property
    def links(self) -> list[str]:
        """Targets of links and pictures that lie in the repository."""
        targets = [*LINK.findall(self.prose), *re.findall(r'src="([^"]+)"', self.prose)]
        return [target for target in targets if not re.match(r"[a-z]+:", target)]

    @cached_property
    def anchors(self) -> set[str]:
        """The anchors that GitHub gives to its headings."""
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(self.prose)}

    def blocks(self, language: str) -> list[str]:
        """Blocks of code in one language; "" for those without."""
        return [textwrap.dedent(body) for name, body in FENCE.findall(self.text) if name == language]

    @cached_property
    def spans(self) -> list[str]:
        """What stands in backticks, and the lines of the blocks that are commands."""
        spans: list[str] = re.findall(r"`([^`\n]+)`", self.prose)
        return [*spans, *(line for block in self.blocks("") for line in block.splitlines())]


PAGES = [Page(path) for path in files(".md")]
