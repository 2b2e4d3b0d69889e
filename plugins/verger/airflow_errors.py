"""Translates Verger's errors into Airflow's where a task calls the code of Verger."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from airflow.sdk.exceptions import AirflowFailException

from verger_contract.errors import VergerError

Function = TypeVar("Function", bound=Callable[..., Any])


@contextmanager
def failing_without_retry() -> Iterator[None]:
    """Raise AirflowFailException for a `VergerError` of the `with` block, with the same message.

    Airflow retries a task after every other exception. The `VergerError` stays in the traceback as the cause.
    """
    try:
        yield
    except VergerError as error:
        raise AirflowFailException(str(error)) from error


def fails_without_retry(function: Function) -> Function:
    """Decorate a task's function or an operator's method: a `VergerError` fails the task without retries.

    Goes under `@task`. Airflow treats generator functions differently, so a generator function stays one.
    """
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generate(*args: Any, **kwargs: Any) -> Any:
            with failing_without_retry():
                return (yield from function(*args, **kwargs))

        return cast("Function", generate)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with failing_without_retry():
            return function(*args, **kwargs)

    return cast("Function", call)
