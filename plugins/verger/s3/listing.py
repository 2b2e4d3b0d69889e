"""Requests pages of a listing, and parses them as columns.

botocore parses a page of 1,000 keys into as many dictionaries, which takes ten times as long as everything else about
the request. This module reads the three members that an inventory needs from the XML itself, and leaves the rest of the
answer to botocore. A page that does not have the expected form is left to botocore completely.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

COLUMNS = "VergerColumns"
"""The member of a parsed answer that has its columns."""

OPENING, CLOSING = b"<Contents>", b"</Contents>"
MEMBERS = tuple(re.compile(rb"<%b>([^<]*)</%b>" % (name, name)) for name in (b"Key", b"ETag", b"Size"))
ENCODED = b"<EncodingType>url</EncodingType>"
"""With this member no key contains an XML entity or a line break."""

QUOTES = ("&quot;", "&#34;", '"')
"""What servers write before and after the value of an ETag."""


class Columns(NamedTuple):
    """The objects of a page, in the order of the server; sizes in bytes."""

    keys: list[str]
    etags: list[str]
    sizes: list[int]


class Page(NamedTuple):
    """A page of a listing; `token` requests the next page, None when there is none."""

    columns: Columns
    token: str | None


Listing = Callable[..., Page]
"""Requests one page. Its parameters are those of ListObjectsV2 without bucket and prefix."""


@contextmanager
def pages_of(s3: S3Client, bucket: str, prefix: str) -> Iterator[Listing]:
    """Return the function that requests a page. Until the block ends, lists of the client have no `Contents`."""
    # At `before-parse.s3.*` botocore parses each whole answer to look for an error, which takes three times as long as
    # everything else. A handler with `*` for the service is called before, so botocore gets an answer without objects.
    event, own = "before-parse.*.ListObjectsV2", "verger-columns"

    def page(**request: Any) -> Page:
        answer: Any = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, **request)
        columns = answer.get(COLUMNS) or _of_contents(answer.get("Contents", ()))
        return Page(columns, answer["NextContinuationToken"] if answer.get("IsTruncated") else None)

    s3.meta.events.register(event, _take_columns, unique_id=own)
    try:
        yield page
    finally:
        s3.meta.events.unregister(event, unique_id=own)


def _take_columns(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Move the objects of an answer from its XML into a member of its own."""
    body = response_dict["body"]
    columns = parse(body) if response_dict["status_code"] == HTTPStatus.OK else None
    if columns is not None:
        customized_response_dict[COLUMNS] = columns
        if columns.keys:
            end = body.rindex(CLOSING) + len(CLOSING)
            response_dict["body"] = body[: body.index(OPENING)] + body[end:]


def parse(body: bytes) -> Columns | None:
    """Return the objects of an answer to ListObjectsV2, None when it does not have the expected form.

    Examples
    --------
    >>> xml = b"<R><EncodingType>url</EncodingType><Contents><Key>a+b</Key><ETag>&quot;1&quot;</ETag><Size>2</Size>"
    >>> parse(xml + b"</Contents></R>")
    Columns(keys=['a b'], etags=['1'], sizes=[2])
    >>> parse(xml + b"</Contents><Contents></Contents></R>") is None
    True
    """
    from botocore.compat import unquote_str

    keys, etags, sizes = (member.findall(body) for member in MEMBERS)
    if ENCODED not in body or not len(keys) == len(etags) == len(sizes) == body.count(OPENING) == body.count(CLOSING):
        return None
    if not keys:
        return Columns([], [], [])
    names, tags = (b"\n".join(values).decode() for values in (keys, etags))
    for quote in QUOTES:
        tags = tags.replace(quote, "")
    if "&" in names or "&" in tags or names.count("\n") != len(keys) - 1:
        return None
    encoded = "%" in names or "+" in names
    decoded = [unquote_str(name) for name in names.split("\n")] if encoded else names.split("\n")
    return Columns(decoded, tags.split("\n"), list(map(int, sizes)))


def _of_contents(contents: Any) -> Columns:
    keys = [item["Key"] for item in contents]
    return Columns(keys, [item["ETag"].strip('"') for item in contents], [item["Size"] for item in contents])
