"""The commit point: `published.json`, replaced only when it still is what it was at the start of the run."""

from __future__ import annotations

import json
from typing import Any

from verger.errors import VergerError
from verger.paths import PUBLISHED, uri
from verger.s3 import error_code, read_json

VERSION = 1


class LostRaceError(VergerError):
    """Another run published since this one began."""


def current_etag(s3: Any, bucket: str) -> str | None:
    """The ETag of `published.json`, quotes included as If-Match wants them; None before the first publication."""
    from botocore.exceptions import ClientError

    try:
        return str(s3.head_object(Bucket=bucket, Key=PUBLISHED)["ETag"])
    except ClientError as error:
        if error_code(error) in ("404", "NoSuchKey", "NotFound"):
            return None
        raise


def publish(s3: Any, bucket: str, document: dict[str, Any], etag: str | None) -> None:
    """Replace `published.json` with `document` if its ETag still is `etag` (None: if there still is none).

    A second try of a run that already published changes nothing. Raises LostRaceError when another run was first.
    """
    from botocore.exceptions import ClientError

    condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
    body = json.dumps({"version": VERSION, **document}, indent=2, ensure_ascii=False).encode()
    try:
        s3.put_object(Bucket=bucket, Key=PUBLISHED, Body=body, ContentType="application/json", **condition)
    except ClientError as error:
        # If-Match on an object that was deleted meanwhile is answered with 404.
        if error_code(error) not in ("PreconditionFailed", "NoSuchKey", "404"):
            raise
        now = (read_json(s3, bucket, PUBLISHED) or {}).get("run")
        if now == document["run"]:
            return
        raise LostRaceError(
            f"{uri(bucket, PUBLISHED)}: expected it unchanged since run {document['run']} began, found run {now} "
            "published meanwhile; nothing was published and the current data is untouched: start a new run"
        ) from error
