"""Programs that take turns: the median of each figure, and how far their features differ from Verger's."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.comparison.runs import Outcome

Run = Callable[[], Outcome]
Rows = dict[str, dict[str, Any]]
"""Figures of each program, by its name."""

ROWS_AT_ONCE = 1024


class MissingFeaturesError(Exception):
    """The reference has no features of a photo that another program featurized."""


class Comparison:
    """The outcomes of all programs so far.

    Parameters
    ----------
    reference : str
        Name of the program with whose features those of all others are compared.
    """

    def __init__(self, reference: str) -> None:
        self._reference = reference
        self._outcomes: dict[str, list[Outcome]] = {}
        self._differences: dict[str, float] = {}

    def add(self, name: str, outcome: Outcome) -> None:
        """Add an outcome, and compare its features, or all features if it is an outcome of the reference.

        Raises
        ------
        MissingFeaturesError
            The reference has no features of a photo.
        """
        self._outcomes.setdefault(name, []).append(outcome)
        if self._reference not in self._outcomes:
            return
        expected = read(self._outcomes[self._reference][-1].features)
        for other in self._outcomes if name == self._reference else (name,):
            self._differences[other] = difference(expected, read(self._outcomes[other][-1].features))

    def rows(self) -> Rows:
        """Return the median of each figure of each program that has an outcome.

        `difference` is None until the reference has an outcome.
        """
        return {
            name: {
                "photos": outcomes[0].photos,
                **{figure: median(getattr(outcome, figure) for outcome in outcomes) for figure in Outcome.FIGURES},
                "photos_per_second": median(outcome.photos / outcome.seconds for outcome in outcomes),
                "difference": self._differences.get(name),
                "runs": len(outcomes),
            }
            for name, outcomes in self._outcomes.items()
        }

    def remove_features(self) -> None:
        """Delete the folders of features."""
        for outcomes in self._outcomes.values():
            shutil.rmtree(outcomes[-1].features, ignore_errors=True)


def take_turns(
    programs: Mapping[str, Run], repeat: int, record: Callable[[Rows], None], *, reference: str, once: str = ""
) -> None:
    """Run all programs in turn, `repeat` times, and call `record` with all figures so far after each run.

    Parameters
    ----------
    programs : mapping of str to Run
        Programs by name, in the order in which they run.
    repeat : int
        Number of turns.
    record : callable
        Saves the figures. An error in a later run therefore loses no figure.
    reference : str
        Program with whose features those of all others are compared.
    once : str, optional
        Program that runs in the first turn only.
    """
    comparison = Comparison(reference)
    for turn in range(repeat):
        for name, run in programs.items():
            if turn and name == once:
                continue
            outcome = run()
            print(f"{turn + 1}/{repeat} {name}: {outcome.photos / outcome.seconds:.1f} photos/s", flush=True)
            comparison.add(name, outcome)
            record(comparison.rows())
    comparison.remove_features()


def read(folder: Path) -> pa.Table:
    """Return path and features that a program wrote, sorted by path, the path as `<label>/<file>`."""
    table = pq.read_table(folder, columns=["path", "features"])
    names = ["/".join(path.split("/")[-2:]) for path in table["path"].to_pylist()]
    return table.set_column(0, "path", pa.array(names)).sort_by("path")


def difference(expected: pa.Table, found: pa.Table) -> float:
    """Return the largest absolute difference of any feature of the photos in `found`.

    Raises
    ------
    MissingFeaturesError
        A photo of `found` is missing in `expected`.
    """
    row_of = {path: row for row, path in enumerate(expected["path"].to_pylist())}
    largest = 0.0
    for start in range(0, len(found), ROWS_AT_ONCE):
        some = found.slice(start, ROWS_AT_ONCE).combine_chunks()
        rows = [row_of.get(path) for path in some["path"].to_pylist()]
        if None in rows:
            raise MissingFeaturesError(f"{some['path'][rows.index(None)]}: the reference has no features of this photo")
        first = expected.take(rows)["features"].combine_chunks().flatten().to_numpy()
        second = some["features"].combine_chunks().flatten().to_numpy()
        largest = max(largest, float(np.abs(first - second).max()))
    return largest
