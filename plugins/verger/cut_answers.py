"""Recognizes and repeats answers of S3 and EMR whose body was cut off.

botocore takes an empty body for an answer without members: a list of objects would have no objects. When the body of an
error is cut off, it takes the HTTP status for the code: a missing object is 404, and not NoSuchKey.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TRIES = 4
"""How often a request is sent while its answers are cut off."""
WAIT_S = 0.2
"""Seconds before the second request. They double."""
SERVICES = ("s3", "emr")
READING = ("Get", "List", "Describe", "Delete")
"""Operations of EMR start with one of these, or they are not repeated: each RunJobFlow creates a cluster."""

UNCHANGED = "304"
"""The status of an answer without a body to a request with a condition."""

MEMBERS: Mapping[str, str] = {
    "ListObjectsV2": "IsTruncated",
    "ListObjectVersions": "IsTruncated",
    "ListMultipartUploads": "IsTruncated",
    "CreateMultipartUpload": "UploadId",
    "ListClusters": "Clusters",
    "ListSteps": "Steps",
    "ListInstances": "Instances",
    "DescribeCluster": "Cluster",
    "DescribeStep": "Step",
}
"""A member that each whole answer has, by operation."""
WITH_BODY = frozenset({"GetBucketVersioning"})
"""Operations whose whole answer has a body, but perhaps no member."""


def is_cut_off(operation: str, parsed: Mapping[str, Any]) -> bool:
    """Return whether an answer was cut off.

    Parameters
    ----------
    operation : str
        Name of the operation, such as ListObjectsV2.
    parsed : dict
        The answer as botocore has parsed it.

    Examples
    --------
    >>> is_cut_off("ListObjectsV2", {}), is_cut_off("ListObjectsV2", {"IsTruncated": False})
    (True, False)
    >>> [is_cut_off("GetObject", {"Error": {"Code": code}}) for code in ("404", "NoSuchKey")]
    [True, False]
    """
    error = parsed.get("Error")
    if error:  # the answer to a HEAD request never has a body
        code = str(error.get("Code", ""))
        return not operation.startswith("Head") and code.isdigit() and code != UNCHANGED
    return operation in MEMBERS and MEMBERS[operation] not in parsed


def repeat(client: Any) -> None:
    """Make a client of S3 or EMR repeat requests whose answers are cut off, at most TRIES - 1 times."""
    for service in SERVICES:
        client.meta.events.register(f"needs-retry.{service}", _wait_s)


def refuse(client: Any) -> Any:
    """Make a client of EMR repeat these requests, and raise when that does not help. Return the client.

    The error is an HTTPClientError of botocore: the same request may succeed later.
    """
    from botocore.exceptions import HTTPClientError

    def check(parsed: dict[str, Any], model: Any, **_: Any) -> None:
        if is_cut_off(model.name, parsed):
            raise HTTPClientError(error=f"{model.name}: the answer was cut off")

    repeat(client)
    client.meta.events.register("after-call.emr", check)
    return client


def _wait_s(response: Any, attempts: int, operation: Any, **_: Any) -> float | None:
    """Return the seconds before the next request. None leaves the decision to botocore."""
    if response is None or attempts >= TRIES:
        return None
    http, parsed = response
    if not is_cut_off(operation.name, parsed) and (operation.name not in WITH_BODY or http.content):
        return None
    once = operation.service_model.service_name != "s3" and not operation.name.startswith(READING)
    return None if once else WAIT_S * 2 ** (attempts - 1)
