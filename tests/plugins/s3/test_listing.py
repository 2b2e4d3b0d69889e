"""Pages of a listing, as columns."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore import handlers
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from verger.s3.listing import Columns, Page, pages_of, parse

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LOOKS = "_looks_like_special_case_error"
"""The function of botocore.handlers that parses an answer to look for an error."""

CONTENTS = b"<Contents><Key>%b</Key><ETag>%b</ETag><Size>7</Size></Contents>"


def answer(*contents: bytes, encoding: bytes = b"<EncodingType>url</EncodingType>") -> bytes:
    return b"<ListBucketResult>" + encoding + b"".join(contents) + b"</ListBucketResult>"


def test_keys_are_decoded_and_etags_have_no_quotes() -> None:
    body = answer(*(CONTENTS % (b"a%2Bb+%C3%A9%0A" + tag, tag) for tag in (b"&quot;1-2&quot;", b"&#34;2&#34;", b'"3"')))
    assert parse(body.replace(b"&quot;1-2&quot;</Key>", b"</Key>").replace(b"&#34;2&#34;</Key>", b"</Key>")) == Columns(
        ["a+b é\n", "a+b é\n", 'a+b é\n"3"'], ["1-2", "2", "3"], [7, 7, 7]
    )


def test_an_empty_page_has_no_objects() -> None:
    assert parse(answer()) == Columns([], [], [])


@pytest.mark.parametrize(
    "body",
    [
        answer(CONTENTS % (b"a", b"1"), encoding=b""),
        answer(CONTENTS % (b"a&amp;b", b"1")),
        answer(CONTENTS % (b"a", b"&lt;")),
        answer(CONTENTS % (b"a\nb", b"1")),
        answer(b"<Contents><Key>a</Key><ETag>1</ETag></Contents>"),
        answer(CONTENTS % (b"a", b"1"), b"<Key>b</Key>"),
        answer((CONTENTS % (b"a", b"1"))[:-10]),
    ],
)
def test_another_form_is_left_to_botocore(body: bytes) -> None:
    assert parse(body) is None


def test_columns_equal_the_answer_that_botocore_parses(client: S3Client, bucket: str) -> None:
    for number, key in enumerate(["a b+c%20#?.jpg", "é/柿.jpg", "control\x01\n.jpg", "<&>\"'.jpg", "plain.jpg"]):
        client.put_object(Bucket=bucket, Key=f"images/{key}", Body=b"1" * number)
    parsed = client.list_objects_v2(Bucket=bucket, Prefix="images/")["Contents"]
    expected = Columns(
        [item["Key"] for item in parsed],
        [item["ETag"].strip('"') for item in parsed],
        [item["Size"] for item in parsed],
    )
    with pages_of(client, bucket, "images/") as pages:
        assert pages() == Page(expected, None)
        first = pages(MaxKeys=2)
        assert first.columns.keys == expected.keys[:2]
        assert first.token is not None
        assert pages(ContinuationToken=first.token).columns.keys == expected.keys[2:]
        assert pages(StartAfter="images0") == Page(Columns([], [], []), None)
    after: Any = client.list_objects_v2(Bucket=bucket, Prefix="images/")
    assert len(after["Contents"]) == len(parsed)


def test_botocore_parses_no_object(client: S3Client, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks for an error in each whole answer, which takes longer than everything else."""
    client.put_object(Bucket=bucket, Key="images/a.jpg", Body=b"1")
    seen: list[bytes] = []
    looks: Any = getattr(handlers, LOOKS)

    def spy(status_code: int, body: bytes) -> Any:
        seen.append(body)
        return looks(status_code, body)

    monkeypatch.setattr(handlers, LOOKS, spy)
    with pages_of(client, bucket, "images/") as pages:
        assert pages().columns.keys == ["images/a.jpg"]
    (body,) = seen
    assert b"<ListBucketResult" in body
    assert b"<Contents>" not in body


class Body(io.BytesIO):
    """The body of an answer as urllib3 gives it."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


@pytest.mark.parametrize(
    "first",
    [
        b"<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>",
        answer(CONTENTS % (b"a", b"1")).removesuffix(b"</ListBucketResult>"),
    ],
    ids=["error with status 200", "cut off after an object"],
)
def test_an_answer_that_is_no_listing_is_requested_again(client: S3Client, bucket: str, first: bytes) -> None:
    client.put_object(Bucket=bucket, Key="images/a.jpg", Body=b"1")
    sent: list[str] = []

    def send(request: Any, **_: Any) -> AWSResponse | None:
        sent.append(request.url)
        return AWSResponse(request.url, 200, HTTPHeaders(), Body(first)) if len(sent) == 1 else None

    events: Any = client.meta.events
    events.register("before-send.s3.ListObjectsV2", send)
    with pages_of(client, bucket, "images/") as pages:
        assert pages().columns.keys == ["images/a.jpg"]
    assert len(sent) == 2
