"""The progress of a run as bars, from progress.json. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from verger.emr.progress import line
from verger_ui.addresses import STEPS
from verger_ui.sources.documents import Progress
from verger_ui.sources.lenient import Json


@dataclass(frozen=True)
class ProgressBar:
    """The progress of one step.

    Attributes
    ----------
    step : str
    done, total : int
        Photos; `total` is 0 while it is unknown.
    text : str
        Photos with rate and ETA.
    """

    step: str
    done: int
    total: int
    text: str

    @property
    def announced(self) -> str:
        """Text for screen readers. It changes with each tenth, not with each update."""
        return f"{self.step} {10 * (10 * self.done // self.total)} %" if self.total else ""


def progress_bars(content: Json | None) -> list[ProgressBar]:
    """Return a bar for each step up to the present one; none without a readable progress.json."""
    progress = Progress.of(content)
    step, done, total = progress.step, progress.done, progress.total
    if step not in STEPS or done is None or total is None or not progress.started_at or not progress.updated_at:
        return []
    text = line(
        step,
        {
            "step": step,
            "done": done,
            "total": total,
            "started_at": progress.started_at.isoformat(),
            "updated_at": progress.updated_at.isoformat(),
        },
    )
    before = [ProgressBar(name, 1, 1, "done") for name in STEPS[: STEPS.index(step)]]
    return [*before, ProgressBar(step, min(done, total), total, text.removeprefix(f"{step} "))]
