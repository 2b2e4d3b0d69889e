"""An HTML page as a browser parses it. A page that is not well-formed raises an error."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import html5lib  # type: ignore[import-untyped]


class Page:
    """Elements and texts of an HTML document."""

    def __init__(self, text: str) -> None:
        parser = html5lib.HTMLParser(strict=True, tree=html5lib.getTreeBuilder("etree"), namespaceHTMLElements=False)
        self.root: ElementTree.Element = parser.parse(text)

    def all(self, tag: str) -> list[Any]:
        """Every element of that name, including SVG elements."""
        return [found for found in self.root.iter() if str(found.tag).rpartition("}")[2] == tag]

    def texts(self, tag: str) -> list[str]:
        """The text of every element of that name, with white space reduced to one blank."""
        return [words(found) for found in self.all(tag)]

    def section(self, section_id: str) -> str:
        """The text of the section with that id; empty when there is none."""
        return next((words(found) for found in self.all("section") if found.get("id") == section_id), "")

    def pictures(self, section_id: str) -> int:
        """The number of images in the section with that id."""
        return sum(len(list(found.iter("img"))) for found in self.all("section") if found.get("id") == section_id)

    def attributes(self, name: str) -> list[str]:
        """Every value of an attribute."""
        return [found.attrib[name] for found in self.root.iter() if name in found.attrib]


def words(element: ElementTree.Element) -> str:
    return " ".join(" ".join(element.itertext()).split())
