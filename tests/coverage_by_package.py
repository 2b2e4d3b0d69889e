"""Print the coverage that both suites measured, one line for each package.

    python -m tests.coverage_by_package FOLDER

FOLDER holds the data files that `make test COVERAGE=1` writes: one for each suite.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

import coverage

DEPTH = {"plugins": 3, "spark_jobs": 3, "local_aws": 2}
"""Parts of a path that name its package, where it is not the first one alone."""


def package(path: str) -> str:
    """Return the package that a line of the table is about.

    Examples
    --------
    >>> package("plugins/verger/changes/compare.py"), package("plugins/verger/tasks.py"), package("demo/clusters.py")
    ('plugins/verger/changes', 'plugins/verger', 'demo')
    """
    parts = PurePosixPath(path).parts
    folders = parts[:-1] or parts
    return "/".join(folders[: DEPTH.get(parts[0], 1)])


def table(files: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return the lines of the table.

    Parameters
    ----------
    files
        Path of each module to its numbers of statements and of covered lines.
    """
    packages: dict[str, list[Mapping[str, int]]] = defaultdict(list)
    for path, summary in files.items():
        packages[package(path)].append(summary)
    rows = [_row(name, summaries) for name, summaries in sorted(packages.items())]
    return ["coverage                          statements   covered", *rows, _row("all", files.values())]


def _row(name: str, summaries: Iterable[Mapping[str, int]]) -> str:
    numbers = list(summaries)
    statements = sum(summary["num_statements"] for summary in numbers)
    covered = sum(summary["covered_lines"] for summary in numbers)
    return f"{name:32}{statements:>12,}{covered / statements if statements else 1:>10.1%}"


def main(folder: Path) -> None:
    """Combine the data files of `folder`, and print the table."""
    measured = [str(path) for path in sorted(folder.iterdir())] if folder.is_dir() else []
    if not measured:
        sys.exit(f"{folder}: expected files of coverage data, found none; run `make test COVERAGE=1`")
    with tempfile.TemporaryDirectory() as scratch:
        combined = coverage.Coverage(data_file=f"{scratch}/combined")
        combined.combine(measured, keep=True)
        combined.json_report(outfile=f"{scratch}/report.json", ignore_errors=True)
        report = json.loads(Path(f"{scratch}/report.json").read_text())
    files = {path: file["summary"] for path, file in report["files"].items()}
    print("\n".join(table(files)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
