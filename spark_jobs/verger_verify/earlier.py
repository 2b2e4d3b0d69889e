"""Checks that the tables of earlier runs, which the run does not write again, are those that were verified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from verger_contract.plan import StepPlan
from verger_contract.verification.check import Check
from verger_spark.io.location import Location
from verger_verify.tables.files import MOST_PROBLEMS, Table


def check(plan: StepPlan, kept: Mapping[str, Table], contents: Mapping[str, str] | None = None) -> Check:
    """Compare tables of earlier runs with their file lists, and these with what the published snapshot says.

    Names, sizes and ETags of all files are compared, and the rows and the SHA-256 of the file list.

    Parameters
    ----------
    plan : StepPlan
    kept : mapping of str to Table
        The tables by URI.
    contents : mapping of str to str, optional
        What is wrong with the content of files that were read, by URI.
    """
    problems = [problem for uri, table in kept.items() for problem in _problems(plan, uri, table)]
    problems += [
        f"{Location.parse(table.uri).key}{name}: {problem}"
        for table in kept.values()
        for name, problem in table.contents(contents or {}).items()
    ]
    return Check(
        "tables of earlier runs",
        not problems,
        f"all files and rows of {len(kept):,} tables",
        f"{len(problems):,} differences" if problems else "the same",
        "; ".join(problems[:MOST_PROBLEMS]),
    )


def _problems(plan: StepPlan, uri: str, table: Table) -> Iterator[str]:
    of_plan, key = plan.verification, Location.parse(table.uri).key
    verified = of_plan.file_lists.get(uri)
    rows = {**of_plan.features, **of_plan.coordinates}.get(uri)
    yield from (f"{key}{name}: {problem}" for name, problem in table.problems.items())
    if verified and verified != table.list_sha256:
        yield f"{key}: expected the file list that was verified (SHA-256 {verified}), found {table.list_sha256}"
    if table.list_sha256 and not table.problems and rows is not None and rows != table.rows:
        yield f"{key}: expected {rows:,} rows, found {table.rows:,} in its file list"
