"""Errors of EMR that pass: which ones they are, how a request is repeated, and how long a waiting task goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

Result = TypeVar("Result")

SERVER_ERRORS = 500
TOO_MANY_REQUESTS = 429
BUSY = {"ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException", "RequestThrottled"}
"""EMR limits requests with status 400 and one of these codes."""
ENDED_SESSION = {"ExpiredTokenException", "ExpiredToken"}

SEND_BUDGET_S = 120.0
"""How long a request is repeated that botocore must not repeat. An outage of a minute must not fail the task."""
SHORTEST_WAIT_S, LONGEST_WAIT_S = 2.0, 20.0
"""Bounds of the random, growing waits before the request is repeated. EMR lists a new cluster or step at once."""


def is_passing(error: BaseException) -> bool:
    """Whether the same request may succeed later: EMR was busy, had an error, or gave no answer."""
    from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004 (botocore's name)

    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= SERVER_ERRORS or status == TOO_MANY_REQUESTS or _code(error) in BUSY
    return isinstance(error, ConnectionError | HTTPClientError | TimeoutError)


def has_ended_session(error: BaseException) -> bool:
    """Whether the credentials of the request were temporary and are valid no longer."""
    return _code(error) in ENDED_SESSION


def _code(error: BaseException) -> str:
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))


def send_once(look: Callable[[], Result | None], send: Callable[[], Result]) -> tuple[Result, bool]:
    """Send a request that takes no client token, so that its effect happens once.

    Parameters
    ----------
    look
        Returns what an earlier request created, None when there is nothing.
    send
        Sends the request once, and returns what it created.

    Returns
    -------
    result
    reused : bool
        Whether an earlier request created it, also one of this call whose answer was lost.

    Raises
    ------
    botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError
        EMR refused the request, or gave no usable answer for SEND_BUDGET_S seconds and created nothing.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

    def attempt() -> tuple[Result, bool]:
        found = look()
        if found is not None:
            return found, True
        try:
            return send(), False
        except (BotoCoreError, ClientError):  # the effect may have happened, and only the answer is lost
            found = look()
            if found is None:
                raise
            return found, True

    retrying = Retrying(
        retry=retry_if_exception(is_passing),
        stop=stop_after_delay(SEND_BUDGET_S),
        wait=wait_random_exponential(SHORTEST_WAIT_S, LONGEST_WAIT_S, min=SHORTEST_WAIT_S),
        reraise=True,
    )
    return retrying(attempt)


@dataclass
class Outage:
    """The time for which a waiting task got no usable answer of EMR.

    Attributes
    ----------
    limit_s : float
        After so many seconds without an answer the task fails.
    since : float or None
        When it began, by `time.monotonic`; None while EMR answers.
    """

    limit_s: float
    since: float | None = None

    def ends(self) -> None:
        """Record an answer."""
        self.since = None

    def goes_on(self) -> bool:
        """Record an error. Return whether the task may wait on."""
        now = time.monotonic()
        self.since = self.since or now
        return now - self.since < self.limit_s
