"""URIs of objects on S3 and of files on disk."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from verger_contract.errors import VergerError


@dataclass(frozen=True)
class Location:
    """The parts of a URI.

    Attributes
    ----------
    bucket : str or None
        None for `file://`.
    key : str
        The key of the object, or the path on disk.
    """

    bucket: str | None
    key: str

    @classmethod
    def parse(cls, uri: str) -> Location:
        """Parse `s3://bucket/key` or `file:///path`.

        The key of an `s3://` URI is taken as it is. The path of a `file://` URI is unescaped (%20).

        Raises
        ------
        VergerError
            The URI has another scheme, or no bucket.
        """
        scheme, _, rest = uri.partition("://")
        if scheme in ("s3", "s3a") and rest.partition("/")[0]:
            bucket, _, key = rest.partition("/")
            return cls(bucket, key)
        if scheme == "file" and rest.startswith("/"):
            return cls(None, unquote(urlsplit(uri).path))
        raise VergerError(f"{uri!r}: expected s3://<bucket>/<key> or file:///<path>; correct the argument")


def name_of(uri: str) -> str:
    """Return the last part of a URI.

    Examples
    --------
    >>> name_of("s3://bucket/features/run=A/")
    'run=A'
    """
    return uri.rstrip("/").rpartition("/")[2]
