"""Checks that the folder of a table has the files that its file list names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

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
