"""The raw figures of the tables in one small file, benchmarks/results.json, the input of the planning."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import tables
from benchmarks.harness.places import RESULTS


def save(name: str, value: Sequence[Mapping[str, Any]] | Mapping[str, Any], path: Path = RESULTS) -> None:
    """Save figures under `name`, with the date and the machine.

    Parameters
    ----------
    name : str
        Name of the measurement. Its earlier figures are replaced.
    value : sequence or mapping
        Rows, or figures by name.
    path : Path, optional
        File to write.
    """
    figures = dict(value) if isinstance(value, Mapping) else {"rows": list(value)}
    kept = {**_all(path), name: {"measured": tables.machine().strip("*"), **figures}}
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    temporary.replace(path)


def load(name: str, path: Path = RESULTS) -> dict[str, Any] | None:
    """Return the figures saved under `name`: `measured` and the figures, or `measured` and `rows`; None without any."""
    found: dict[str, Any] | None = _all(path).get(name)
    return found


def _all(path: Path) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return kept
