"""What the documents name exists: links, commands, modules, settings, paths."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import verger_reader
from tests.docs.pages import PAGES, Page
from tests.places import ROOT
from tests.tree import files
from verger.settings.environment import OTHER_VARIABLES, declared
from verger.settings.fields import variable

MOST_LINES_OF_README = 160
ELSEWHERE = {"pytest", "pip", "venv"}
"""Modules with a main that are not in the repository."""

CHANGELOG = Path("CHANGELOG.md")
"""It names what no longer exists, too."""

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.path))
every_current_page = pytest.mark.parametrize(
    "page", [page for page in PAGES if page.path != CHANGELOG], ids=lambda page: str(page.path)
)


@every_page
def test_links_lead_to_files_and_headings(page: Page) -> None:
    anchors = {ROOT / other.path: other.anchors for other in PAGES}
    broken = []
    for link in page.links:
        name, _, anchor = link.partition("#")
        target = (ROOT / page.path.parent / name).resolve() if name else ROOT / page.path
        if not target.exists() or (anchor and anchor not in anchors.get(target, ())):
            broken.append(link)
    assert broken == []


@every_page
def test_targets_of_make_exist(page: Page) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for span in page.spans for name in re.findall(r"(?:^|[ (])make ([a-z][a-z0-9-]*)", span)}
    assert named - targets == set()


@every_current_page
def test_modules_that_are_commands_have_a_main(page: Page) -> None:
    named = {name for span in page.spans for name in re.findall(r"-m ([a-z_][\w.]*)", span)} - ELSEWHERE
    assert {name for name in named if not _has_main(name)} == set()


def _has_main(module: str) -> bool:
    paths = [root / module.replace(".", "/") for root in (ROOT, ROOT / "plugins", ROOT / "spark_jobs")]
    found = [path for base in paths for path in (base / "__main__.py", base.with_suffix(".py")) if path.exists()]
    return any('if __name__ == "__main__"' in path.read_text() for path in found)


@every_current_page
def test_variables_are_settings(page: Page) -> None:
    known = {variable(field) for _, field, _ in declared()} | {*OTHER_VARIABLES}
    assert set(re.findall(r"\bVERGER_[A-Z0-9_]*[A-Z0-9]", page.text)) - known == set()


@every_current_page
def test_paths_exist(page: Page) -> None:
    here = files()
    roots = {path.parts[0] for path in here if len(path.parts) > 1}
    names = {path.name for path in here}
    missing = set()
    for word in {word for span in page.spans for word in span.split()}:
        if re.fullmatch(r"\.?[\w-]+(/[\w.-]+)+/?|\.?[\w-]+/", word) and word.split("/")[0] in roots:
            if not (ROOT / word).exists():
                missing.add(word)
        elif re.fullmatch(r"\.?[\w-]+\.(py|sh|md|yml|yaml|toml)", word) and word not in names:
            missing.add(word)
    assert missing == set()


@every_current_page
def test_names_in_modules_are_defined_there(page: Page) -> None:
    for name, path in re.findall(r"`(\w+)` in `([\w/]+\.py)`", page.text):
        assert re.search(rf"^ *(def|class) {name}\b|^{name} = ", (ROOT / path).read_text(), re.MULTILINE), (
            f"{path}: {name}"
        )


@every_page
def test_python_in_documents_can_be_parsed(page: Page) -> None:
    for block in page.blocks("python"):
        ast.parse(block)


@every_page
def test_examples_of_the_reader_use_names_that_exist(page: Page) -> None:
    for block in (block for block in page.blocks("python") if "verger_reader" in block):
        for name in re.findall(r"verger_reader\.(\w+)", block):
            assert hasattr(verger_reader, name)
        for name in re.findall(r"published\.(\w+)", block):
            assert hasattr(verger_reader.Publication, name)


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= MOST_LINES_OF_README


def test_the_map_of_the_folders_is_complete() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    folders = {path.parts[0] for path in files(".py") if len(path.parts) > 1}
    rooms = {path.parent for path in files(".py") if path.parts[:2] == ("plugins", "verger") and len(path.parts) == 4}
    assert [name for name in sorted({*folders, *map(str, rooms)}) if f"`{name}/`" not in page] == []


def test_each_page_is_linked_from_readme() -> None:
    linked = {link.partition("#")[0] for page in PAGES if page.path == Path("README.md") for link in page.links}
    assert {str(path) for path in files(".md") if path.parts[0] == "docs"} - linked == set()
