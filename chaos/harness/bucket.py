"""The bucket of the trials: its photos, and its state before each trial."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from local_aws.stack import Stack
from sample_photos.bucket import create_bucket
from sample_photos.orchard import draw_orchard

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "verger-chaos"
PREFIX = "images/"
KEPT = "artifacts/"
"""Prefix that a trial never changes. It is not restored: it has 130 MB."""
PHOTOS, SPARE = 8, 16
"""Photos in the bucket before a trial, and photos that a trial may add."""
SEED = 14


class Bucket:
    """The bucket, with a stored state that `restore` brings back.

    It uses S3 directly, without the proxy.

    Attributes
    ----------
    contents : dict of str to bytes
        Every photo that was uploaded, by the MD5 of its content, which is its ETag.
    spare : list of (str, bytes)
        Keys and contents of photos that are not in the bucket before a trial.
    """

    def __init__(self, aws: Stack) -> None:
        self.s3: S3Client = aws.client("s3")
        self.contents: dict[str, bytes] = {}
        create_bucket(self.s3, BUCKET)
        drawn = _draw(PHOTOS + SPARE)
        self._first, self.spare = drawn[:PHOTOS], drawn[PHOTOS:]
        self._stored: dict[str, bytes] = {}
        self.delete_all()
        for key, content in self._first:
            self.put_photo(key, content)

    def keys(self, prefix: str = "") -> dict[str, str]:
        """Return the ETags, without quotes, by key."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return {item["Key"]: item["ETag"].strip('"') for page in pages for item in page.get("Contents", ())}

    def photos(self) -> dict[str, str]:
        """Return the ETags of the photos by key."""
        return self.keys(PREFIX)

    def get(self, key: str) -> bytes | None:
        """Return the content of an object, None when there is none."""
        try:
            return self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        except self.s3.exceptions.NoSuchKey:
            return None

    def put(self, key: str, content: bytes) -> None:
        """Write an object."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=content)

    def put_photo(self, key: str, content: bytes) -> None:
        """Write a photo, or replace one."""
        self.contents[hashlib.md5(content, usedforsecurity=False).hexdigest()] = content
        self.put(key, content)

    def delete(self, key: str) -> None:
        """Delete an object."""
        self.s3.delete_object(Bucket=BUCKET, Key=key)

    def delete_all(self) -> None:
        """Delete all objects, except artifact sets."""
        for key in self.keys():
            if not key.startswith(KEPT):
                self.delete(key)

    def store(self) -> None:
        """Store the state that `restore` brings back, except artifact sets, logs and the report pages."""
        keys = [key for key in self.keys() if not key.startswith((KEPT, "logs/"))]
        self._stored = {key: self.get(key) or b"" for key in keys}

    @property
    def has_base(self) -> bool:
        """Whether a stored state has a publication."""
        return "published.json" in self._stored

    def restore(self, *, published: bool = True) -> None:
        """Bring the stored state back; without `published`, only the photos."""
        wanted = self._stored if published else dict(self._first)
        found = self.keys()
        for key in found:
            if not key.startswith(KEPT) and key not in wanted:
                self.delete(key)
        for key, content in wanted.items():
            if found.get(key) != hashlib.md5(content, usedforsecurity=False).hexdigest():
                self.put(key, content)


def _draw(count: int) -> list[tuple[str, bytes]]:
    with tempfile.TemporaryDirectory() as folder:
        draw_orchard(Path(folder), count, SEED)
        return [
            (f"{PREFIX}{path.relative_to(folder).as_posix()}", path.read_bytes())
            for path in sorted(Path(folder).rglob("*.jpg"))
        ]
