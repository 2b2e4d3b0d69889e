"""Attempts of a step that run at the same time, and attempts that end at any write, with real files."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.spark_jobs.conftest import BUCKET
from verger_contract.errors import VergerError
from verger_contract.schemas import REJECTS
from verger_spark.attempt import Attempt
from verger_spark.io import storage, table_file
from verger_spark.session import LazySession
from verger_spark.stopwatch import Stopwatch

if TYPE_CHECKING:
    pass

IDENTITY = {"inventory_etag": "this"}


@pytest.fixture(params=["disk", "S3"])
def at(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URI of an empty folder."""
    if request.param == "disk":
        return tmp_path.as_uri()
    request.getfixturevalue("s3")
    return f"s3://{BUCKET}/{tmp_path.name}"


def begin(at: str) -> Attempt:
    return Attempt.begin(f"{at}/runs/7/step.json", LazySession("step", Stopwatch()), IDENTITY)


def end(attempt: Attempt) -> None:
    attempt.complete({**IDENTITY, "attempt": attempt.id})


def test_the_last_attempt_that_starts_is_the_one_that_completes(at: str) -> None:
    late, last = begin(at), begin(at)
    assert not late.is_current()
    with pytest.raises(VergerError, match=f"expected the claim of attempt {late.id}, found that another attempt"):
        end(late)
    assert last.is_current()
    end(last)
    assert storage.read_json(last.metrics)["attempt"] == last.id
    with pytest.raises(VergerError, match="another attempt"):
        end(late)
    assert storage.read_json(last.metrics)["attempt"] == last.id


def test_an_attempt_knows_the_earlier_attempts_of_the_same_work(at: str) -> None:
    first = begin(at)
    second = begin(at)
    third = begin(at)
    assert third.earlier == (second.id, first.id)
    end(third)
    assert begin(at).earlier == (third.id,), "the completed attempt has all that those before it had"
    other = Attempt.begin(third.metrics, LazySession("step", Stopwatch()), {"inventory_etag": "another"})
    assert other.earlier == ()


def test_a_refused_attempt_is_not_used(at: str) -> None:
    first = begin(at)
    first.complete({**IDENTITY, "attempt": first.id, "refused": "a number is not finite"})
    assert begin(at).earlier == ()


def test_an_answer_to_a_write_may_be_lost(at: str) -> None:
    attempt = begin(at)
    end(attempt)
    if at.startswith("s3://"):
        end(attempt)  # as obstore repeats the request


def step(at: str, rows: int) -> None:
    """Run a small step: it writes two tables of two files, marks them as complete, and completes the attempt."""
    attempt = begin(at)
    for name in ("features", "rejects"):
        folder = attempt.folder(f"{at}/{name}/run=7~{{attempt}}")
        table = REJECTS.arrow.empty_table() if not rows else _table(rows)
        table_file.mark_complete(folder, [table_file.write(folder, number, table) for number in range(2)])
    end(attempt)


def _table(rows: int):  # type: ignore[no-untyped-def]
    import pyarrow as pa

    return pa.Table.from_pylist(
        [{"path": f"{row}", "etag": "e", "kind": "k", "reason": "r"} for row in range(rows)], schema=REJECTS.arrow
    )


def killed_at(at: str, write: int) -> None:
    """Run the step in this process, and end the process without any cleanup before one of its writes."""
    left = write

    def counting(function: Callable[..., object]) -> Callable[..., object]:
        def counted(*arguments: object, **options: object) -> object:
            nonlocal left
            left -= 1
            if left < 0:
                os._exit(9)
            return function(*arguments, **options)

        return counted

    for name in ("write", "writing", "replace", "delete"):
        setattr(storage, name, counting(getattr(storage, name)))
    step(at, 5)


def writes() -> Iterator[int]:
    yield from range(10)


@pytest.mark.parametrize("write", writes())
def test_an_attempt_may_be_killed_at_any_write(tmp_path: Path, write: int) -> None:
    at = tmp_path.as_uri()
    process = multiprocessing.get_context("fork").Process(target=killed_at, args=(at, write))
    process.start()
    process.join()
    assert process.exitcode == 9
    step(at, 3)
    attempt = storage.read_json(f"{at}/runs/7/step.json")["attempt"]
    for name in ("features", "rejects"):
        folder = f"{at}/{name}/run=7~{attempt}"
        assert table_file.is_whole(folder)
        assert [file.rows for file in table_file.file_list(folder) or ()] == [3, 3]


def test_the_killed_attempts_cover_every_write(tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=killed_at, args=(tmp_path.as_uri(), 10))
    process.start()
    process.join()
    assert process.exitcode == 0, "after ten writes the step has completed"


def test_an_error_of_a_superseded_attempt_names_the_cause(at: str) -> None:
    late = begin(at)
    with pytest.raises(ZeroDivisionError), late.explaining():
        raise ZeroDivisionError
    begin(at)
    with pytest.raises(VergerError, match="another attempt"), late.explaining():
        raise ZeroDivisionError
    with pytest.raises(VergerError, match="first"), late.explaining():
        raise VergerError("first")
