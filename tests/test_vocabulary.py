"""The words that docs/glossary.md replaced are in no name, message, page or document."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.places import ROOT
from tests.tree import files

REPLACED = {
    r"dead[ _]?rows?|\bdead\.parquet|dead_since": "deleted rows, deletes",
    r"\bdropped\.parquet": "compacted_deletes.parquet",
    r"live[ _]rows?": "current rows",
    r"\bbegan\.json|published_etag": "run.json, base_etag",
    r"\bANEW\b|\banew\b": "full refresh, refitted",
    r"clean_up": "vacuum, or what it removes",
    r"\bwithdraw": "unpublish",
    r"featurize_all|again_all": "full_refresh",
    r"shepherd": "subreaper",
    r"misfits?": "invalid photos",
    r"tonight": "this run",
    r"(?<!bench-)\bnights?\b|nightly|_nights?\b|\bnight_": "scheduled run",
    r"oddit|\bodd\b|\b_?odd_|_odd\b": "warnings, needs attention",
    r"\bremember(ed|s)?\b": "TTL cache, stored",
    r"\bfetch(ed|es|ing)?[ _]ahead": "prefetch",
    r"Lost_?Race|lost (the )?race": "commit conflict",
    r"\bStanding\b|\bAsked\b|\bTold\b": "PhotoChange, RunParams, AirflowFacts",
    r"outlive": "continues after",
    r"in[ _]flight": "active, in progress",
    r"\bweed_|_weed\b": "seaweedfs (its executable is called weed)",
    r"\bmeanwhile\b": "in the meantime, concurrently",
    r"\bnobody\b|\bsomebody\b": "no process, another process",
    r"\bdying\b": "being deleted",
    r"\btold\b": "gets, is passed",
    r"\basked\b": "params, requested",
    r"(?<!-)\balive\b|\bat work\b": "active, running",
    r"\bgone\b": "deleted, missing",
    r"DESIGN\.md": "docs/architecture.md",
}
"""Regular expression to what is written instead."""

TEXT = (".py", ".sh", ".md", ".html", ".css", ".js", ".svg", ".toml", ".yml", ".yaml", ".in", "")
HISTORY = {Path("CHANGELOG.md"), Path("tests/test_vocabulary.py"), Path("LICENSE")}
"""They name the old words beside the new ones, or are not ours."""


@pytest.mark.parametrize("pattern", REPLACED)
def test_a_replaced_word_is_nowhere(pattern: str) -> None:
    expression = re.compile(pattern)
    found = [
        f"{path}:{number}: {line.strip()[:100]}"
        for path in files(*TEXT)
        if path not in HISTORY
        for number, line in enumerate((ROOT / path).read_text(errors="replace").splitlines(), 1)
        if expression.search(line)
    ]
    assert not found, f"write {REPLACED[pattern]!r} instead in\n" + "\n".join(found)


def test_no_file_is_named_by_a_replaced_word() -> None:
    named = [str(path) for path in files() if path not in HISTORY and re.search("|".join(REPLACED), path.stem)]
    assert named == []
