"""Reads the content of objects. A content that is cut off is read again.

botocore repeats a request until the headers of an answer have arrived. It does not repeat a request whose answer ends
early, stops, or is reset while its body is read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from verger.s3.errors import UnavailableError
from verger_contract.keys import uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from tenacity import RetryCallState

log = logging.getLogger(__name__)

Result = TypeVar("Result")

TRIES = 8
"""How often a content is read. Each try is a request that botocore repeats itself."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 20.0
"""Bounds of the random waits between the tries. They double, so that eight tries wait for some 20 seconds."""


@dataclass(frozen=True)
class Content:
    """The content of an object, and its ETag in quotes."""

    body: bytes
    etag: str


def content(s3: S3Client, bucket: str, key: str) -> Content:
    """Return the content of an object. Raises as `read`."""
    return read(s3, bucket, key, lambda answer: Content(answer["Body"].read(), answer["ETag"]))


def read(
    s3: S3Client,
    bucket: str,
    key: str,
    consume: Callable[[dict[str, Any]], Result],
    *,
    tries: int = TRIES,
    **options: Any,
) -> Result:
    """Request an object and return what `consume` makes of the answer. Repeat both when the content is cut off.

    Parameters
    ----------
    consume
        Receives the answer to GetObject. It reads the `Body`, and may be called several times.
    tries
        The largest number of requests.
    **options
        Other members of the request, such as `Range`.

    Raises
    ------
    UnavailableError
        The content was cut off in every try.
    StorageError, botocore.exceptions.ClientError
        The request failed: see `verger.s3.errors`.
    """
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

    retrying = Retrying(
        retry=retry_if_exception(is_cut_off),
        stop=stop_after_attempt(tries),
        wait=wait_random_exponential(FIRST_WAIT_S, LONGEST_WAIT_S),
        before_sleep=_note,
        reraise=True,
    )
    try:
        return retrying(lambda: consume(dict(s3.get_object(Bucket=bucket, Key=key, **options))))
    except Exception as error:
        if is_cut_off(error):
            raise UnavailableError(
                f"{uri(bucket, key)}: cannot be read: the answer of S3 ended early or stopped in {tries} tries "
                f"({error}); check the network to S3, or raise VERGER_ANSWER_SECONDS, then try again"
            ) from error
        raise


def _note(state: RetryCallState) -> None:
    log.warning("an object of S3 is read again: %s", state.outcome and state.outcome.exception())


def is_cut_off(error: BaseException) -> bool:
    """Whether the body of an answer ended early, stopped, or was reset."""
    from http.client import HTTPException

    from botocore.exceptions import HTTPClientError, IncompleteReadError
    from urllib3.exceptions import HTTPError

    cut = (IncompleteReadError, HTTPClientError, HTTPError, HTTPException, ConnectionError)
    return isinstance(error, cut) and not isinstance(error, UnavailableError)
