"""A VergerError fails its task without retries; other errors stay as they are."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from verger.airflow_errors import fails_without_retry
from verger.s3.errors import StorageError
from verger_contract.errors import VergerError

MESSAGE = "s3://orchard: no such bucket; create it or correct VERGER_BUCKET"


@fails_without_retry
def returns(error: Exception | None) -> str:
    """What it does."""
    if error:
        raise error
    return "done"


@fails_without_retry
def yields(error: Exception | None) -> Iterator[str]:
    yield "first"
    if error:
        raise error


def test_a_verger_error_becomes_one_that_airflow_does_not_retry() -> None:
    error = StorageError(MESSAGE)
    for call in (returns, lambda error: list(yields(error))):
        with pytest.raises(AirflowFailException) as caught:
            call(error)
        assert str(caught.value) == MESSAGE
        assert caught.value.__cause__ is error


def test_other_errors_and_results_stay_as_they_are() -> None:
    with pytest.raises(OSError, match=r"^busy$"):
        returns(OSError("busy"))
    assert returns(None) == "done"
    assert list(yields(None)) == ["first"]
    assert not issubclass(VergerError, AirflowFailException)


def test_name_signature_and_kind_of_the_function_stay() -> None:
    assert (returns.__name__, returns.__doc__) == ("returns", "What it does.")
    assert [*inspect.signature(returns).parameters] == ["error"]
    assert inspect.isgeneratorfunction(yields)
    assert not inspect.isgeneratorfunction(returns)


def test_methods_of_operators_are_decorated_too() -> None:
    class Operator:
        @fails_without_retry
        def execute(self, context: Any) -> Any:
            raise VergerError(MESSAGE)

    with pytest.raises(AirflowFailException, match="no such bucket"):
        Operator().execute({})
