"""The metadata of a photo, such as its place and its owner, are in nothing that a run writes."""

from __future__ import annotations

import base64
import io
import re

import pyarrow.parquet
import pytest
from PIL import Image

from tests.plugins.orchard import Orchard
from tests.plugins.report.reported_runs import reported
from tests.verger_photo.metadata import SECRET, photo

PICTURE = re.compile(rb"data:image/jpeg;base64,([A-Za-z0-9+/=]+)")


def contents(orchard: Orchard, key: str) -> bytes:
    """The content of an object: Parquet as text, and the pictures of a page decoded."""
    body = orchard.client.get_object(Bucket=orchard.bucket, Key=key)["Body"].read()
    if key.endswith(".parquet"):
        table = pyarrow.parquet.read_table(io.BytesIO(body))
        return f"{table.schema.metadata} {table.to_pylist()}".encode()
    return body + b"".join(base64.b64decode(found) for found in PICTURE.findall(body))


def test_a_run_writes_no_metadata_of_a_photo(orchard: Orchard, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "verger")
    orchard.put("Kiwi/located.jpg", photo())
    orchard.put("Kiwi/located.gif", photo("GIF"))
    orchard.put("Kiwi/damaged.jpg", photo()[:-300])
    orchard.run("one")
    _, _, page = reported(orchard, "one")
    pictures = PICTURE.findall(page.encode())
    assert len(pictures) > 2
    for found in pictures:
        with Image.open(io.BytesIO(base64.b64decode(found))) as picture:
            assert not picture.getexif()
            assert picture.info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    written = [key for key in orchard.listing() if not key.startswith("images/")]
    assert {key.partition("/")[0] for key in written} >= {"features", "rejects", "pca", "runs", "published.json"}
    assert [key for key in written if SECRET in contents(orchard, key)] == []
    assert SECRET.decode() not in caplog.text
