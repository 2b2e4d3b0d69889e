"""URIs of objects and files."""

from __future__ import annotations

import pytest

from verger_contract.errors import VergerError
from verger_spark.io.location import Location


def test_keys_are_taken_as_they_are_and_paths_are_unescaped() -> None:
    assert Location.parse("s3://bucket/a%20b") == Location("bucket", "a%20b")
    assert Location.parse("file:///a%20b") == Location(None, "/a b")


@pytest.mark.parametrize("uri", ["ftp://host/key", "/folder", "s3:///key", "file://relative"])
def test_other_uris_are_an_error(uri: str) -> None:
    with pytest.raises(VergerError, match=r"expected s3://<bucket>/<key> or file:///<path>"):
        Location.parse(uri)
