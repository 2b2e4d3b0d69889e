"""Progress of the run in flight, from progress.json, as bars. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verger.emr.progress import line
from verger_ui.addresses import STAGES


@dataclass(frozen=True)
class Bar:
    """One stage: how many photos are done, of how many; `text` says it with rate and ETA. `total` 0: not yet known."""

    stage: str
    done: int
    total: int
    text: str

    @property
    def announced(self) -> str:
        """What a screen reader is told: only when another tenth is done, not at each look."""
        return f"{self.stage} {10 * (10 * self.done // self.total)} %" if self.total else ""


def bars(progress: Mapping[str, Any] | None) -> list[Bar]:
    """A bar for every stage up to the present one; none before the first progress, or when it is unreadable."""
    try:
        stage, done, total = (
            str((progress or {})["step"]),
            int((progress or {})["done"]),
            int((progress or {})["total"]),
        )
        text = line(stage, progress or {}).removeprefix(f"{stage} ")
        position = STAGES.index(stage)
    except (KeyError, TypeError, ValueError, OverflowError):
        return []
    before = [Bar(name, 1, 1, "done") for name in STAGES[:position]]
    return [*before, Bar(stage, min(done, total), total, text)]
