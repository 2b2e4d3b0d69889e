"""Pages of a listing, as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from verger.s3.listing import Columns, Page, pages_of, parse

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

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
