"""Compares the files of a table with its file list, which a step writes when all files are complete.

The list decides which files a table has. No reader reads another file in the folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from verger.s3 import listing
from verger.tables.parquet import TableError
from verger_contract.keys import uri
from verger_contract.metrics import FILE_LIST, ListedFile, parse_list

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def read(s3: S3Client, bucket: str, prefix: str, verified: str | None = None) -> tuple[ListedFile, ...] | None:
    """Return the file list of the table under a prefix. None without one: an earlier Verger wrote the table.

    Parameters
    ----------
    verified
        The SHA-256 of the file list when it was verified; None when it is not known.

    Raises
    ------
    TableError
        The file list is malformed, or is not the one that was verified.
    """
    try:
        content = s3.get_object(Bucket=bucket, Key=f"{prefix}{FILE_LIST}")["Body"].read()
    except s3.exceptions.NoSuchKey:
        content = None
    found = None if content is None else hashlib.sha256(content).hexdigest()
    if verified and found != verified:
        raise TableError(
            f"{uri(bucket, prefix)}{FILE_LIST}: expected the file list that was verified (SHA-256 {verified}), found "
            f"{'none' if found is None else found}; the next run writes the table again"
        )
    if content is None:
        return None
    try:
        return parse_list(json.loads(content))
    except (ValueError, KeyError, TypeError) as error:
        raise TableError(
            f"{uri(bucket, prefix)}{FILE_LIST}: expected a file list, found something else "
            f"({type(error).__name__}: {error}); the next run writes the table again"
        ) from error


def stored(s3: S3Client, bucket: str, prefix: str) -> list[ListedFile]:
    """Return the Parquet files directly under a prefix, with size and ETag, without rows and checksum."""
    found, request = list[ListedFile](), dict[str, str]()
    with listing.pages_of(s3, bucket, prefix) as page:
        while True:
            (keys, etags, sizes), token = page(Delimiter="/", **request)
            found += [
                ListedFile(key.removeprefix(prefix), 0, size, "", etag)
                for key, etag, size in zip(keys, etags, sizes, strict=True)
                if key.endswith(".parquet")
            ]
            if token is None:
                return found
            request = {"ContinuationToken": token}


def differences(listed: Iterable[ListedFile], found: Iterable[ListedFile]) -> dict[str, str]:
    """Return how listed files differ from those found, in words, by name. Only known ETags are compared.

    Examples
    --------
    >>> differences([ListedFile("a", 1, 9, "")], [ListedFile("a", 0, 5, ""), ListedFile("b", 0, 7, "")])
    {'a': 'expected 9 bytes, found 5'}
    """
    there = {file.name: file for file in found}
    return {
        file.name: problem
        for file in sorted(listed, key=lambda file: file.name)
        if (problem := _difference(file, there.get(file.name)))
    }


def _difference(listed: ListedFile, found: ListedFile | None) -> str:
    if found is None:
        return "no such file"
    if listed.bytes != found.bytes:
        return f"expected {listed.bytes:,} bytes, found {found.bytes:,}"
    if listed.etag and found.etag and listed.etag != found.etag:
        return f"expected the ETag {listed.etag}, found {found.etag}"
    return ""


def in_words(problems: Mapping[str, str], most: int = 10) -> str:
    """Return the first differences as one line.

    Examples
    --------
    >>> in_words({"a": "no such file", "b": "expected 9 bytes, found 5"})
    'a: no such file; b: expected 9 bytes, found 5'
    """
    return "; ".join(f"{name}: {problem}" for name, problem in [*problems.items()][:most])
