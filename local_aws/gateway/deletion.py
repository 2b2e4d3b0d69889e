"""DeleteObjects: each key has a decision of its own, and an error in the answer when it may not be deleted."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from xml.sax.saxutils import escape

from local_aws.gateway.answers import Answer
from local_aws.iam.authority import Authority, Caller
from local_aws.iam.s3_actions import Call, Deleted, deleted

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
END = b"</DeleteResult>"
CHECKSUMS = ("Content-MD5", "x-amz-sdk-checksum-algorithm", "x-amz-checksum-crc32", "x-amz-checksum-sha256")
OK = 200


def answer(
    authority: Authority, caller: Caller, call: Call, body: bytes, forward: Callable[[bytes, Mapping[str, str]], Answer]
) -> Answer:
    """Forward the request for the keys that may be deleted; add the errors of the others to the answer."""
    objects, quiet = deleted(body)
    allowed = [found for found in objects if authority.allows(caller, found.request(call))]
    refused = [found for found in objects if found not in allowed]
    if not refused:
        return forward(body, {})
    errors = "".join(_error(found) for found in refused).encode()
    if not allowed:
        start = f'<?xml version="1.0" encoding="UTF-8"?>\n<DeleteResult xmlns="{NAMESPACE}">'.encode()
        return Answer(OK, [("Content-Type", "application/xml")], start + errors + END)
    content = _request(allowed, quiet)
    given = {name for name in CHECKSUMS if call.headers.get(name)}
    checksum = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    done = forward(content, {**dict.fromkeys(given, ""), "Content-MD5": checksum})
    if done.status != OK or END not in done.body:
        return done
    return Answer(OK, done.headers, done.body.replace(END, errors + END))


def _request(objects: list[Deleted], quiet: bool) -> bytes:
    parts = "".join(f"<Object>{_names(found)}</Object>" for found in objects)
    return f'<Delete xmlns="{NAMESPACE}"><Quiet>{str(quiet).lower()}</Quiet>{parts}</Delete>'.encode()


def _error(found: Deleted) -> str:
    return f"<Error>{_names(found)}<Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


def _names(found: Deleted) -> str:
    version = f"<VersionId>{escape(found.version)}</VersionId>" if found.version else ""
    return f"<Key>{escape(found.key)}</Key>{version}"
