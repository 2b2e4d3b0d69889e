"""The keys that obstore can request."""

from __future__ import annotations

import contextlib
import sys
from datetime import timedelta
from urllib.parse import unquote, urlsplit

import botocore.session
import obstore
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from obstore import exceptions
from obstore.store import S3Store

from verger_spark.io.s3_store import can_request, s3_store

STORE = S3Store(
    "bucket",
    endpoint="http://127.0.0.1:9",
    region="us-east-1",
    access_key_id="id",
    secret_access_key="secret",
    client_options={"allow_http": True},
    retry_config={"max_retries": 0},
)
SEGMENTS = st.one_of(
    st.sampled_from(
        ["", ".", "..", "...", " ", "%2e%2e", "%2F", "~", "a\\b", "a?b#c", "é", "e\u0301", "りんご", "\x7f", "\n"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-3", "orchard.s3.eu-west-3.amazonaws.com"),
        ("eusc-de-east-1", "orchard.s3.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_the_endpoint_is_that_of_botocore(region: str, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = {"AWS_ACCESS_KEY_ID": f"id-{region}", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": region}
    for name, value in credentials.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    url = urlsplit(obstore.sign(s3_store("orchard"), "GET", "images/a b.jpg", timedelta(minutes=1)))
    assert (url.scheme, url.netloc, url.path) == ("https", host, "/images/a%20b.jpg")
    expected = urlsplit(botocore.session.get_session().create_client("s3", region).meta.endpoint_url)
    assert url.netloc == f"orchard.{expected.netloc}"


def requested_key(key: str) -> str | None:
    """The key of obstore's signed URL, or None if obstore raises ValueError before the request."""
    with contextlib.suppress(exceptions.BaseError):  # no server listens
        try:
            obstore.get(STORE, key)
        except ValueError:
            return None
    url = obstore.sign(STORE, "GET", key, timedelta(minutes=1))
    return unquote(urlsplit(url).path).removeprefix("/bucket/")


@given(st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join))
@example("images//1.jpg")
@example("/images/1.jpg")
@example("images/")
@example("images/./1.jpg")
@example("images/../1.jpg")
@example("x" * 1024)
def test_can_request_agrees_with_obstore(key: str) -> None:
    assert can_request(key) == (key != "" and requested_key(key) == key)


def test_can_request_agrees_with_obstore_on_characters() -> None:
    codes = [*range(0x1000), *range(0x1000, sys.maxunicode, 97)]
    keys = [f"a{chr(code)}b" for code in codes if not 0xD800 <= code < 0xE000]
    assert [key for key in keys if can_request(key) != (requested_key(key) == key)] == []
