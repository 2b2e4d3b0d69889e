"""What a scheduled run over a large base costs, from the table of benchmarks/scheduled_runs.md."""

from __future__ import annotations

import re
from dataclasses import dataclass

from benchmarks.harness.places import ROOT

PAGE = ROOT / "benchmarks" / "scheduled_runs.md"
STEP_1 = "featurize"
ON_CLUSTER = ("verify_features", "pca", "verify_pca")


@dataclass(frozen=True)
class ScheduledRun:
    """The seconds of the tasks and steps of a measured run, without the listing and without starts of processes.

    Attributes
    ----------
    base, new : int
        Photos of the publication, and new ones.
    seconds : dict of str to float
        By task or step.
    requests : int
        Requests to S3 of all but the listing and step 1.
    """

    base: int
    new: int
    seconds: dict[str, float]
    requests: int

    @property
    def step_2_s(self) -> float:
        """Seconds of step 2."""
        return self.seconds["pca"]

    @property
    def verification_s(self) -> float:
        """Seconds of the verification steps."""
        return sum(self.seconds[step] for step in ON_CLUSTER if step.startswith("verify"))

    @property
    def airflow_s(self) -> float:
        """Seconds of Airflow's tasks."""
        return sum(seconds for task, seconds in self.seconds.items() if task not in (STEP_1, *ON_CLUSTER))


def read(text: str | None = None) -> list[ScheduledRun]:
    """Return the runs of the table over drawn photos.

    Raises
    ------
    ValueError
        The table is missing.
    """
    text = PAGE.read_text() if text is None else text
    found = re.search(r"<!-- scheduled -->\n(.*?)\n\n", text, re.DOTALL)
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in (found[1] if found else "").splitlines()]
    rows = [dict(zip(lines[0], cells, strict=True)) for cells in lines[2:]] if lines else []
    runs = [_run(row) for row in rows if row["base"].endswith("drawn") and row["run"].endswith("new")]
    if not runs:
        raise ValueError(f"{PAGE}: expected the table that `make bench-nights` writes, found none")
    return runs


def _run(row: dict[str, str]) -> ScheduledRun:
    of_tasks = {name.removesuffix(", s"): cell for name, cell in row.items() if name.endswith(", s") and cell}
    seconds = {name: float(cell) for name, cell in of_tasks.items() if " " not in name}
    return ScheduledRun(_number(row["base"]), _number(row["run"]), seconds, _number(row["their requests"]))


def _number(text: str) -> int:
    return int(text.split(maxsplit=1)[0].replace(",", ""))
