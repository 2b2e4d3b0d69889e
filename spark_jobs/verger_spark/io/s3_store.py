"""The S3 client of the steps: obstore."""

from __future__ import annotations

import os
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from obstore.store import S3Store

if TYPE_CHECKING:
    from obstore.store import RetryConfig, S3Config

RETRIES: RetryConfig = {"max_retries": 8, "retry_timeout": timedelta(minutes=3)}
"""The client retries throttled requests and server errors. A request that still fails then fails the task."""

DNS_SUFFIXES = {"eusc": "amazonaws.eu"}
"""DNS suffix of AWS's endpoints by the first part of a region's name. obstore uses `amazonaws.com` for every region."""

DELETE_CHARACTER = "\x7f"


def s3_store(bucket: str) -> S3Store:
    """Return the client of a bucket. A process has one client for each bucket.

    Region, endpoint and credentials come from the environment variables of the AWS SDKs. On a cluster node the
    credentials come from its instance profile.
    """
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    return _s3_store(bucket, endpoint, region, os.environ.get("AWS_ACCESS_KEY_ID"))


@lru_cache(maxsize=8)
def _s3_store(bucket: str, endpoint: str | None, region: str, _key_id: str | None) -> S3Store:
    config: S3Config = {"region": region, "virtual_hosted_style_request": endpoint is None}
    if url := endpoint or _endpoint(bucket, region):
        config["endpoint"] = url
    return S3Store(
        bucket,
        config=config,
        client_options={
            "allow_http": bool(endpoint and endpoint.startswith("http://")),
            "timeout": timedelta(seconds=60),
            "connect_timeout": timedelta(seconds=10),
        },
        retry_config=RETRIES,
    )


def _endpoint(bucket: str, region: str) -> str | None:
    """Return the bucket's URL in a region that obstore does not find, otherwise None."""
    suffix = DNS_SUFFIXES.get(region.partition("-")[0])
    return suffix and f"https://{bucket}.s3.{region}.{suffix}"


def can_request(key: str) -> bool:
    """Whether obstore requests exactly this key.

    S3 allows any UTF-8 text as a key. obstore raises ValueError for a key with an empty segment, with the segment `.`
    or `..`, or with an ASCII control character. It removes a slash at the beginning or end of a key and requests the
    object of the shorter key.

    Examples
    --------
    >>> [can_request(key) for key in ("Kiwi/a b.jpg", "Kiwi//7.jpg", "Kiwi/../7.jpg", "/Kiwi/7.jpg")]
    [True, False, False, False]
    """
    if any(character < " " or character == DELETE_CHARACTER for character in key):
        return False
    return not {"", ".", ".."} & {*key.split("/")}
