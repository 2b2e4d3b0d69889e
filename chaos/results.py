"""Write the newest result of each scenario and random sequence into docs/chaos.md, from the outputs of campaigns.

    make chaos | tee first.log               # some hours; an interrupted campaign leaves its lines
    python -m chaos.results docs/chaos.md first.log second.log

Instead of a log, .verger/chaos/table.json has every cell. Files are given oldest first: the page itself keeps the
results of earlier campaigns. A scenario whose last result is an error of the harness has no result. A sequence has
no result when its seed stands for other faults today.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from chaos import catalogue, sequences
from chaos.scenario import NEW_RUN, Row
from chaos.table import HEADINGS, SEQUENCE_HEADINGS, sequences_table, table_of

PAGE = Path(__file__).resolve().parents[1] / "docs" / "chaos.md"
BEGIN, END = "<!-- chaos -->\n", "<!-- /chaos -->"
LOST = HEADINGS.index("photos lost")
SEQUENCE = "sequence."
"""Start of the name of the row of a sequence; the seed follows."""
LINE = re.compile(r" *(\d+) s  (\S+): ([^,]*), ([^:]*): (.*)")
"""A line of `chaos.table.line`."""


def rows_of(path: Path) -> list[Row]:
    """Return the rows of a table.json, of a page with such a table, or of the output of a campaign.

    A line of a campaign that ended before its table has no message. Its verdict tells the other cells: see
    `chaos.rules`.
    """
    text = path.read_text()
    if path.suffix == ".json":
        return [Row(**{**row, "wrong": tuple(row["wrong"])}) for row in json.loads(text)]
    lines = text.splitlines()
    written = [*map(_cells, lines)]
    tables = [cells for cells in written if len(cells) == len(HEADINGS)]
    if path.suffix == ".md":
        played = [_of_sequence(cells) for cells in written if cells and cells[0].startswith(SEQUENCE)]
        return [_of_cells(cells) for cells in tables if cells[LOST].isdigit()] + played
    rows = {row.name: row for row in map(_of_line, lines) if row}
    for cells in (cells for cells in tables if cells[0] in rows):
        name, fault, _, message, clusters, lost, data, *_ = cells
        row = replace(rows[name], fault=fault, message=message, clusters=clusters, lost=int(lost), data=data)
        rows[name] = row
    return list(rows.values())


def _cells(line: str) -> list[str]:
    """Return the cells of a line of a table; empty for another line. `chaos.table` escapes bars in cells."""
    if not line.startswith("| "):
        return []
    return [cell.replace("\\|", "|") for cell in re.split(r" \|(?: |$)", line[2:])[: len(HEADINGS)]]


def _of_sequence(cells: Sequence[str]) -> Row:
    name, faults, run, lost, verdict = cells[: len(SEQUENCE_HEADINGS)]
    return Row(name, faults, run, lost=int(lost), recovered_by=NEW_RUN, wrong=_wrong(verdict))


def _of_cells(cells: Sequence[str]) -> Row:
    name, fault, run, message, clusters, lost, data, recovered_by, verdict = cells
    return Row(name, fault, run, message, clusters, int(lost), data, recovered_by, _wrong(verdict), 0.0)


def _wrong(verdict: str) -> tuple[str, ...]:
    return () if verdict == "ok" else tuple(verdict.split("; "))


def _of_line(line: str) -> Row | None:
    found = LINE.fullmatch(line)
    if not found:
        return None
    seconds, name, run, recovered_by, verdict = found.groups()
    if name.startswith(SEQUENCE):  # it has several runs
        run, recovered_by = f"{run}, {recovered_by}".removesuffix(f", {NEW_RUN}"), NEW_RUN
    wrong = _wrong(verdict)
    clusters, data = ("none after the bound", "no, or whole") if not wrong else ("", "")
    return Row(name, "", run, "", clusters, 0, data, recovered_by, wrong, float(seconds))


def newest(files: Iterable[Path]) -> list[Row]:
    """Return the last result of each scenario that exists today, in the order of the catalogue."""
    found = {row.name: row for path in files for row in rows_of(path)}
    faults = {scenario.name: scenario.fault for scenario in catalogue.SCENARIOS}
    return [
        replace(found[name], fault=fault)
        for name, fault in faults.items()
        if name in found and not any(wrong.startswith("harness:") for wrong in found[name].wrong)
    ]


def newest_sequences(files: Iterable[Path]) -> list[Row]:
    """Return the last result of each sequence whose seed stands for the same faults today, by seed."""
    rows = [row for path in files for row in rows_of(path) if row.name.startswith(SEQUENCE)]
    found = {int(row.name.removeprefix(SEQUENCE)): row for row in rows}
    today = {seed: sequences.words(sequences.faults(seed)) for seed in found}
    return [replace(found[seed], fault=today[seed]) for seed in sorted(found) if found[seed].fault in ("", today[seed])]


def section(rows: Sequence[Row], played: Sequence[Row] = ()) -> str:
    """Return the text of the page between its marks, from the results of scenarios and of sequences."""
    names = [row.name for row in rows]
    without = [scenario.name for scenario in catalogue.SCENARIOS if scenario.name not in names]
    passed, count = sum(not row.wrong for row in rows), len(catalogue.SCENARIOS)
    head = f"{len(rows)} of {count} scenarios have a result; {passed} passed, {len(rows) - passed} did not."
    missing = f"\n\n{len(without)} scenarios have no result: {'; '.join(_grouped(without))}." if without else ""
    of_sequences = f"\n{_sequences(played)}" if played else ""
    return f"{head}{missing}\n\n{table_of(rows)}{of_sequences}"


def _sequences(rows: Sequence[Row]) -> str:
    passed = sum(not row.wrong for row in rows)
    head = f"{len(rows)} random sequences have a result; {passed} passed, {len(rows) - passed} did not."
    return f"{head}\n\n{sequences_table(rows)}"


def _grouped(names: Sequence[str]) -> list[str]:
    """Return names with a common beginning as one text, such as `kill.once: publish, vacuum`."""
    ends: dict[str, list[str]] = {}
    for name in names:
        beginning, _, end = name.rpartition(".")
        ends.setdefault(beginning, []).append(end)
    return [f"`{beginning}`: {', '.join(found)}" for beginning, found in ends.items()]


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m chaos.results", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path, help="outputs of `make chaos` or table.json files, oldest first")
    given = parser.parse_args()
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        print(f"chaos.results: {PAGE}: expected the marks {BEGIN.strip()} and {END}", file=sys.stderr)
        return 1
    PAGE.write_text(f"{before}{BEGIN}{section(newest(given.files), newest_sequences(given.files))}{END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
