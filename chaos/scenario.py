"""A scenario: one fault, when it happens, and what is right afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chaos.harness.trial import Trial

NONE, CLEAR, NEW_RUN, JANITOR = "nothing", "clear", "new run", "janitor"
"""The documented recoveries. `clear` clears the first failed task with its downstream tasks."""

EITHER = ("success", "failed")


@dataclass(frozen=True)
class Scenario:
    """One fault.

    Attributes
    ----------
    name : str
        Selects the scenario on the command line.
    fault : str
        The fault in words, for the table.
    play : callable
        Starts the run and injects the fault. The harness then waits for the end of the run.
    ends : tuple of str
        The states of the run that are right.
    recovery : str
        What the documentation says, one of the constants of this module, or a task to clear.
    correct : callable, optional
        What the user corrects before the recovery, such as a file in the bucket.
    published : bool
        Whether the bucket has a publication before the trial.
    damages : bool
        Whether the fault itself damages the published data. They are then checked only after the recovery.
    marks_success : bool
        Whether the user marks the last task as success, so that the state is the user's. The page must be true then.
    after_publication : bool
        Whether the fault happens after the run has published. The run may fail then, and its data stay published.
    """

    name: str
    fault: str
    play: Callable[[Trial], None] = field(repr=False)
    ends: tuple[str, ...] = EITHER
    recovery: str = CLEAR
    correct: Callable[[Trial], None] | None = field(default=None, repr=False)
    published: bool = True
    damages: bool = False
    marks_success: bool = False
    after_publication: bool = False

    @property
    def family(self) -> str:
        """The part of the name before the first dot."""
        return self.name.partition(".")[0]


@dataclass(frozen=True)
class Row:
    """The outcome of a scenario: a row of the table.

    Attributes
    ----------
    name, fault : str
        Those of the scenario.
    run : str
        State of the run after the fault.
    message : str
        The line that the user sees first.
    clusters : str
        Clusters that were active at the end of the run, and for how long.
    lost : int
        Photos that are missing in the published data after the recovery.
    data : str
        Whether the published data changed.
    recovered_by : str
        What brought the run to a good end.
    wrong : tuple of str
        The invariants that do not hold; empty when the scenario passes.
    seconds : float
        Duration of the trial.
    """

    name: str
    fault: str
    run: str = ""
    message: str = ""
    clusters: str = ""
    lost: int = 0
    data: str = ""
    recovered_by: str = ""
    wrong: tuple[str, ...] = ()
    seconds: float = 0.0
