"""All scenarios, and those of the short form."""

from __future__ import annotations

from fnmatch import fnmatchcase

from chaos.faults import clearing, clusters, data, emr_calls, kills, marks, photos, restarts, s3_calls, several, users
from chaos.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = (
    *marks.SCENARIOS, *clearing.SCENARIOS, *users.SCENARIOS, *kills.SCENARIOS, *emr_calls.SCENARIOS,
    *s3_calls.SCENARIOS,
    *restarts.SCENARIOS, *data.SCENARIOS, *photos.SCENARIOS, *clusters.SCENARIOS, *several.SCENARIOS,
)  # fmt: skip


def chosen(patterns: str = "") -> list[Scenario]:
    """Return the scenarios whose names match one of the patterns, separated by commas; all without a pattern.

    A pattern may have `*`, or be a part of a name between dots from its start: `kill` means `kill.*`.

    Raises
    ------
    ValueError
        No scenario matches a pattern.
    """
    wanted = patterns.split(",") if patterns else ["*"]
    found = []
    for pattern in wanted:
        matching = [one for one in SCENARIOS if fnmatchcase(one.name, pattern) or one.name.startswith(f"{pattern}.")]
        if not matching:
            raise ValueError(f"ONLY={pattern}: no such scenario; `make chaos LIST=1` prints their names")
        found += [one for one in matching if one not in found]
    return found
