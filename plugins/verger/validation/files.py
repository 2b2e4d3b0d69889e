"""Checks that the folder of a table has the files that its file list names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from verger.changes.plan import Plan
from verger.tables.file_list import differences, in_words
from verger.tables.parquet import Store
from verger.validation.check import Check, ValidationError
from verger_contract.keys import Run
from verger_contract.metrics import FILE_LIST, ListedFile, parse_list

EXPECTED_LIST = "a file list, which the step writes at its end"


def check_files(store: Store, prefix: str) -> Check:
    """Compare the names and sizes of the Parquet files under a prefix with the file list there.

    A file that was lost, cut or replaced since the step ended does not match. A file that was added passes, because no
    reader reads it; the detail names it.
    """
    try:
        listed = parse_list(json.loads(store.read(f"{prefix}{FILE_LIST}")))
    except FileNotFoundError:
        return Check(_name(prefix), False, EXPECTED_LIST, f"no {FILE_LIST}")
    except (ValueError, KeyError, TypeError) as error:
        found = f"something else in {FILE_LIST} ({type(error).__name__}: {error})"
        return Check(_name(prefix), False, EXPECTED_LIST, found)
    there = [ListedFile(key.removeprefix(prefix), 0, size, "") for key, size in store.sizes(prefix).items()]
    problems = differences(listed, there)
    result = f"{len(problems):,} differences" if problems else "the same"
    added = {key.removeprefix(prefix): "not in the file list, so it is not read" for key in store.unlisted(prefix)}
    detail = in_words({**problems, **added})
    return Check(_name(prefix), not problems, f"the {len(listed):,} files of the list", result, detail)


def check_earlier(store: Store, run: Run, plan: Plan, *, is_update: bool) -> Check:
    """Check that the tables of earlier runs, which the run does not write again, still have all their files and rows.

    Parameters
    ----------
    is_update
        Whether the snapshot will name coordinates of earlier runs too.
    """
    tables = [(Run(run.bucket, table.run).features, table.rows) for table in plan.keep]
    if is_update:
        tables += [(Run(run.bucket, table.run).pca, table.rows) for table in plan.coordinates.keep]
    problems = [problem for prefix, rows in tables if (problem := _changed(store, prefix, rows))]
    return Check(
        "tables of earlier runs",
        not problems,
        f"all files and rows of {len(tables):,} tables",
        f"{len(problems):,} changed tables" if problems else "the same",
        "; ".join(problems),
    )


def _changed(store: Store, prefix: str, rows: int) -> str:
    """Return how a table of an earlier run differs from its file list and its number of rows; empty if it does not."""
    try:
        listed = parse_list(json.loads(store.read(f"{prefix}{FILE_LIST}")))
    except FileNotFoundError:
        return "" if store.sizes(prefix) else f"{prefix}: no files"  # an earlier Verger wrote no list
    except (ValueError, KeyError, TypeError) as error:
        return f"{prefix}: something else in {FILE_LIST} ({type(error).__name__}: {error})"
    there = [ListedFile(key.removeprefix(prefix), 0, size, "") for key, size in store.sizes(prefix).items()]
    names = {file.name for file in listed}
    problems = differences(listed, [file for file in there if file.name in names])
    if problems:
        return f"{prefix}: {in_words(problems)}"
    found = sum(file.rows for file in listed)
    return "" if found == rows else f"{prefix}: expected {rows:,} rows, found {found:,} in its file list"


def require_checked(run: Run, checks: Mapping[str, Iterable[Mapping[str, Any]]], prefixes: Iterable[str]) -> None:
    """Check that validation.json is about the tables that are published, and not about those of another attempt.

    Raises
    ------
    ValidationError
        A table was not checked.
    """
    checked = {row.get("name") for rows in checks.values() for row in rows}
    for prefix in prefixes:
        if _name(prefix) not in checked:
            raise ValidationError(
                f"{run.uri(run.validation)}: expected checks of {prefix}, found none: another attempt of the step has "
                "completed since; nothing is published: clear check_features and all that follows it"
            )


def _name(prefix: str) -> str:
    return f"files of {prefix}"
